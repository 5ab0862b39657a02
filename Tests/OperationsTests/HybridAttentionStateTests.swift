import TensorCore
import TestSupport
import Testing

@testable import Operations

@Suite struct HybridAttentionStateTests {
  private func rows(_ x: [Double], _ range: Range<Int>, width: Int) -> Tensor {
    tensor(Array(x[range.lowerBound * width..<range.upperBound * width]), [range.count, width])
  }

  /// Rows of a fixture's one sequence at consecutive positions.
  private func tokens(_ fixture: HybridOperandsFixture, _ positions: [Int32]) -> Range<Int> {
    let first = fixture.layout.segments[0].start + Int(positions[0])
    return first..<first + positions.count
  }

  /// Outputs of the rows of a fixture, which stand behind what the memory has read.
  private func advance(
    _ memory: inout Memory, _ fixture: HybridOperandsFixture, _ range: Range<Int>,
    asked: @escaping (_ keys: Tensor, _ positions: [Int32]) -> Void = { _, _ in }
  ) -> [Float] {
    let output = continuedHybridAttention(
      queries: rows(fixture.queries, range, width: 24),
      keys: rows(fixture.keys, range, width: 12),
      values: rows(fixture.values, range, width: 12),
      queryFeatures: rows(fixture.queryFeatures, range, width: 20),
      keyFeatures: { keys, positions in
        asked(keys, positions)
        return rows(fixture.keyFeatures, tokens(fixture, positions), width: 20)
      },
      windowFactors: tensor(fixture.factors, [4]), shape: fixture.shape, memory: &memory)
    memory.position += range.count
    return output.elements
  }

  @Test(arguments: HybridCase.all.filter { $0.segments == [129] })
  func `a sequence fed in pieces gives the outputs of the parallel form`(testCase: HybridCase) {
    let fixture = HybridOperandsFixture(testCase)
    let start = fixture.layout.segments[0].start
    let expected = fixture.naive().output[start * 24..<(start + 129) * 24]
    for pieces in [
      [129], Array(repeating: 1, count: 129), [63, 1, 1, 64], [70, 3, 56], [1, 128],
    ] {
      var state = fixture.shape.makeMemory()
      let bytes = state.bytes
      var output: [Float] = []
      for count in pieces {
        let range = start + state.position..<start + state.position + count
        output += advance(&state, fixture, range)
      }
      #expect(state.position == 129)
      #expect(state.bytes == bytes, "the state must not grow")
      #expect(relativeRMS(output, Array(expected)) < 2e-6, "\(pieces.prefix(4))")
    }
  }

  @Test(arguments: HybridCase.all.filter { $0.segments == [129] }, [1, 9, 129])
  func `features are made of every key once, when no later query sees it through softmax`(
    testCase: HybridCase, pieceLength: Int
  ) {
    let fixture = HybridOperandsFixture(testCase)
    let start = fixture.layout.segments[0].start
    var memory = fixture.shape.makeMemory()
    var asked: [Int32] = []
    for first in stride(from: 0, to: 129, by: pieceLength) {
      let range = start + first..<start + min(129, first + pieceLength)
      _ = advance(&memory, fixture, range) { keys, positions in
        let expected = rows(fixture.keys, tokens(fixture, positions), width: 12)
        #expect(keys.elements == expected.elements)
        asked += positions
      }
      #expect(asked.count == min(memory.position, fixture.shape.window.start(of: memory.position)))
    }
    #expect(asked == Array(0..<Int32(asked.count)))
  }

  @Test(arguments: HybridCase.all.filter { $0.segments == [129] && $0.window != .none })
  func `a mute window leaves what the features alone say, in pieces as in the whole`(
    testCase: HybridCase
  ) {
    let fixture = HybridOperandsFixture(testCase, mutesWindow: true)
    let start = fixture.layout.segments[0].start
    let expected = fixture.fast().output.elements[start * 24..<(start + 129) * 24]
    for pieceLength in [1, 50, 129] {
      var memory = fixture.shape.makeMemory()
      var output: [Float] = []
      for first in stride(from: 0, to: 129, by: pieceLength) {
        output += advance(
          &memory, fixture, start + first..<start + min(129, first + pieceLength))
      }
      #expect(relativeRMS(output, expected.map(Double.init)) < 2e-6, "\(pieceLength)")
      #expect(!memory.names.contains("sink_keys"))
    }
  }

  @Test func `a memory holds sums, and the keys and values of the window and the sinks`() {
    let shape = HybridAttentionShape(
      attention: AttentionShape(queryHeads: 4, keyValueHeads: 2, headDim: 6), featureDim: 5,
      window: .terrace(64), sinks: 3)
    let sums = 4 * 5 * 6 + 4 * 5
    #expect(shape.makeMemory().bytes == 4 * (sums + 2 * 12 * (128 + 3)))
    #expect(shape.withMutedWindow.makeMemory().bytes == 4 * (sums + 2 * 12 * 128))
    let linear = HybridAttentionShape(attention: shape.attention, featureDim: 5, window: .none)
    #expect(linear.makeMemory().bytes == 4 * sums)
  }

  @Test func `a copied state goes its own way`() {
    let fixture = HybridOperandsFixture(
      HybridCase(window: .sliding(5), sinks: 3, isAffine: true, segments: [129]))
    var state = fixture.shape.makeMemory()
    _ = advance(&state, fixture, 2..<82)
    var branch = state
    let undisturbed = advance(&branch, fixture, 82..<92)
    var other = state.copied()
    _ = advance(&other, fixture, 100..<120)
    #expect(advance(&state, fixture, 82..<92) == undisturbed)
  }
}

import TensorCore
import TestSupport
import Testing

@testable import Operations

@Suite struct HybridAttentionStateTests {
  private func rows(_ x: [Double], _ range: Range<Int>, width: Int) -> Tensor {
    tensor(Array(x[range.lowerBound * width..<range.upperBound * width]), [range.count, width])
  }

  /// Outputs of the rows of a fixture, which stand behind what the memory has read.
  private func advance(
    _ memory: inout Memory, _ fixture: HybridOperandsFixture, _ range: Range<Int>
  ) -> [Float] {
    let output = continuedHybridAttention(
      queries: rows(fixture.queries, range, width: 24),
      keys: rows(fixture.keys, range, width: 12),
      values: rows(fixture.values, range, width: 12),
      queryFeatures: rows(fixture.queryFeatures, range, width: 20),
      keyFeatures: rows(fixture.keyFeatures, range, width: 20),
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

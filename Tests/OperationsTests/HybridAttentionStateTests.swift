import TensorCore
import TestSupport
import Testing

@testable import Operations

@Suite struct HybridAttentionStateTests {
  private func rows(_ x: [Double], _ range: Range<Int>, width: Int) -> Tensor {
    tensor(Array(x[range.lowerBound * width..<range.upperBound * width]), [range.count, width])
  }

  @Test(
    "a sequence fed in pieces gives the outputs of the parallel form",
    arguments: HybridCase.all.filter { $0.segments == [129] })
  func pieces(testCase: HybridCase) {
    let fixture = HybridOperandsFixture(testCase)
    let start = fixture.layout.segments[0].start
    let expected = fixture.naive().output[start * 24..<(start + 129) * 24]
    for pieces in [
      [129], Array(repeating: 1, count: 129), [63, 1, 1, 64], [70, 3, 56], [1, 128],
    ] {
      var state = HybridAttentionState(fixture.shape)
      let bytes = state.bytes
      var output: [Float] = []
      for count in pieces {
        let range = start + state.position..<start + state.position + count
        output +=
          state.advance(
            queries: rows(fixture.queries, range, width: 24),
            keys: rows(fixture.keys, range, width: 12),
            values: rows(fixture.values, range, width: 12),
            queryFeatures: rows(fixture.queryFeatures, range, width: 20),
            keyFeatures: rows(fixture.keyFeatures, range, width: 20),
            windowFactors: tensor(fixture.factors, [4])
          ).elements
      }
      #expect(state.position == 129)
      #expect(state.bytes == bytes, "the state must not grow")
      #expect(relativeRMS(output, Array(expected)) < 2e-6, "\(pieces.prefix(4))")
    }
  }

  @Test("a copied state goes its own way")
  func copies() {
    let fixture = HybridOperandsFixture(
      HybridCase(window: .sliding(5), sinks: 3, isAffine: true, segments: [129]))
    let feed = { (state: inout HybridAttentionState, range: Range<Int>) in
      state.advance(
        queries: rows(fixture.queries, range, width: 24),
        keys: rows(fixture.keys, range, width: 12),
        values: rows(fixture.values, range, width: 12),
        queryFeatures: rows(fixture.queryFeatures, range, width: 20),
        keyFeatures: rows(fixture.keyFeatures, range, width: 20),
        windowFactors: tensor(fixture.factors, [4])
      ).elements
    }
    var state = HybridAttentionState(fixture.shape)
    _ = feed(&state, 2..<82)
    var branch = state
    let undisturbed = feed(&branch, 82..<92)
    var other = state
    _ = feed(&other, 100..<120)
    #expect(feed(&state, 82..<92) == undisturbed)
  }
}

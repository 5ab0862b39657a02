import TensorCore
import TestSupport
import Testing

@testable import Operations

/// Linear attention in which every query sees every key of its segment.
@Suite struct BidirectionalAttentionTests {
  static let cases: [HybridCase] = [[1], [63], [64], [65], [200], [3, 70], [64, 1, 65]].map {
    HybridCase(window: .none, sinks: 0, isAffine: false, segments: $0, isCausal: false)
  }

  @Test(arguments: cases)
  func `outputs equal the definition, also beside padding of NaN`(testCase: HybridCase) {
    let fixture = HybridOperandsFixture(testCase)
    let output = fixture.fast().output.elements
    #expect(relativeRMS(output, fixture.naive().output) < 2e-6)
    #expect(fixture.poisonedPadding.fast().output.elements == output)
    for rows in fixture.layout.padding {
      #expect(output[rows.lowerBound * 24..<rows.upperBound * 24].allSatisfy { $0 == 0 })
    }
  }

  @Test(arguments: cases)
  func `every gradient equals the numerical derivative of the definition`(testCase: HybridCase)
    throws
  {
    let fixture = HybridOperandsFixture(testCase)
    var draw = TestValues(11)
    let upstream = draw.normal(fixture.layout.rows * 24)
    let gradients = fixture.gradients(upstream)
    for (path, found) in [
      (\HybridOperandsFixture.queryFeatures, gradients.queryFeatures),
      (\.keyFeatures, gradients.keyFeatures), (\.values, gradients.values),
    ] as [(WritableKeyPath<HybridOperandsFixture, [Double]>, Tensor?)] {
      try expectGradient(found, at: fixture[keyPath: path], within: 3e-5, floor: 1e-3) { point in
        var moved = fixture
        moved[keyPath: path] = point
        return dot(moved.naive().output, upstream)
      }
    }
    #expect(gradients.queries!.elements.allSatisfy { $0 == 0 })
    #expect(gradients.keys!.elements.allSatisfy { $0 == 0 })
  }

  @Test func `gradients do not read what padding's rows hold`() {
    let fixture = HybridOperandsFixture(Self.cases[5])
    var draw = TestValues(12)
    let upstream = draw.normal(fixture.layout.rows * 24)
    let clean = fixture.gradients(upstream)
    let found = fixture.poisonedPadding.gradients(
      poisoned(upstream, fixture.layout, width: 24))
    #expect(clean.queryFeatures.elements == found.queryFeatures.elements)
    #expect(clean.keyFeatures.elements == found.keyFeatures.elements)
    #expect(clean.values!.elements == found.values!.elements)
  }

  @Test func `the first token hears of the last, and of no other segment`() {
    let fixture = HybridOperandsFixture(Self.cases[6])
    let segments = fixture.layout.segments
    let before = fixture.fast().output.elements
    var changed = fixture
    let last = segments[2].rows.upperBound - 1
    for column in 0..<12 { changed.values[last * 12 + column] += 1 }
    let after = changed.fast().output.elements
    let start = segments[2].start * 24
    #expect(before[..<start] == after[..<start])
    #expect(zip(before[start..<start + 24], after[start..<start + 24]).allSatisfy { $0 != $1 })
  }

  @Test func `a window, and a state to decode with, are refused`() async {
    await #expect(processExitsWith: .failure) {
      let attention = AttentionShape(queryHeads: 1, keyValueHeads: 1, headDim: 2, isCausal: false)
      _ = HybridAttentionShape(attention: attention, featureDim: 2, window: .sliding(4))
    }
    await #expect(processExitsWith: .failure) {
      let attention = AttentionShape(queryHeads: 1, keyValueHeads: 1, headDim: 2, isCausal: false)
      _ = HybridAttentionShape(attention: attention, featureDim: 2, window: .none).makeMemory()
    }
  }
}

import TensorCore
import TestSupport
import Testing

@testable import Operations

@Suite struct AttentionWeightCrossEntropyTests {
  @Test(
    arguments: HybridCase.all.filter { $0.segments != [129] } + [
      HybridCase(window: .none, sinks: 0, isAffine: false, segments: [1], isCausal: false),
      HybridCase(window: .none, sinks: 0, isAffine: false, segments: [3, 70], isCausal: false),
    ])
  func `value and gradients equal the definition`(testCase: HybridCase) {
    let fixture = HybridOperandsFixture(testCase)
    let (value, gradients) = fixture.weightLoss(weight: 3)
    // A sequence of one token loses exactly 0, of which a rounded logarithm of γ leaves 1e-7.
    #expect(relativeRMS([Float(value)], [fixture.naiveWeightLoss()], floor: 1e-2) < 2e-6)
    let check = { (path: WritableKeyPath<HybridOperandsFixture, [Double]>, found: Tensor) in
      let all = fixture[keyPath: path]
      let picked = Array(stride(from: 0, to: all.count, by: max(1, all.count / 24)))
      let expected = numericalGradient(at: picked.map { all[$0] }) { point in
        var moved = fixture
        for (index, value) in zip(picked, point) { moved[keyPath: path][index] = value }
        return 3 * moved.naiveWeightLoss()
      }
      let values = found.elements
      #expect(relativeRMS(picked.map { values[$0] }, expected, floor: 1e-3) < 5e-5)
    }
    check(\.queryFeatures, gradients.queryFeatures)
    check(\.keyFeatures, gradients.keyFeatures)
    if testCase.window != .none { check(\.factors, gradients.windowFactors) }
  }

  struct LongCase: Sendable, CustomTestStringConvertible {
    let hybrid: HybridCase
    var teacherWindow: Int?
    var floor = AttentionWeightFloor.clamp
    /// Features that are 0, as a rectifier makes: weights of 0 meet the floor.
    var rectified = false
    var testDescription: String {
      "\(hybrid.testDescription), teacher \(teacherWindow ?? 0), \(floor), rectified \(rectified)"
    }

    /// Lengths on either side of the tiles of 64 queries and of 256 keys.
    static let all: [LongCase] = [
      LongCase(hybrid: linear([63, 64, 65], isCausal: true), floor: .add, rectified: true),
      LongCase(hybrid: linear([63, 64, 65], isCausal: false), floor: .add, rectified: true),
      LongCase(hybrid: linear([200], isCausal: false), rectified: true),
      LongCase(hybrid: linear([257], isCausal: true), teacherWindow: 30, floor: .add),
      LongCase(hybrid: linear([330], isCausal: true), rectified: true),
      LongCase(hybrid: linear([256, 257], isCausal: false)),
      LongCase(
        hybrid: HybridCase(window: .sliding(270), sinks: 0, isAffine: true, segments: [330])),
      LongCase(
        hybrid: HybridCase(window: .terrace(64), sinks: 3, isAffine: true, segments: [330]),
        floor: .add, rectified: true),
      LongCase(
        hybrid: HybridCase(window: .sliding(20), sinks: 3, isAffine: false, segments: [330]),
        teacherWindow: 290, rectified: true),
    ]

    private static func linear(_ segments: [Int], isCausal: Bool) -> HybridCase {
      HybridCase(window: .none, sinks: 0, isAffine: false, segments: segments, isCausal: isCausal)
    }
  }

  @Test(arguments: LongCase.all)
  func `of long sequences value and slopes along random directions are the definition's`(
    testCase: LongCase
  ) {
    var fixture = HybridOperandsFixture(testCase.hybrid)
    if testCase.rectified {
      // One query and one key in seven lose all but one feature, so that their products are 0.
      for row in 0..<fixture.layout.rows where row % 7 == 3 {
        for column in 0..<20 where column % 5 != 1 { fixture.queryFeatures[row * 20 + column] = 0 }
      }
      for row in 0..<fixture.layout.rows where row % 7 == 5 {
        for column in 0..<20 where column % 5 == 1 { fixture.keyFeatures[row * 20 + column] = 0 }
      }
    }
    let loss = { (fixture: HybridOperandsFixture) in
      fixture.naiveWeightLoss(teacherWindow: testCase.teacherWindow, floor: testCase.floor)
    }
    let (value, gradients) = fixture.weightLoss(
      teacherWindow: testCase.teacherWindow, floor: testCase.floor, weight: 100)
    #expect(relativeRMS([Float(value)], [loss(fixture)]) < 2e-6)
    var draw = TestValues(5)
    let check = { (path: WritableKeyPath<HybridOperandsFixture, [Double]>, found: Tensor) in
      // Weights that the floor holds must stay below it while they move.
      let direction = zip(draw.normal(found.count), fixture[keyPath: path]).map {
        testCase.rectified && $1 == 0 ? 0 : $0
      }
      let slope = numericalGradient(at: [0]) { step in
        var moved = fixture
        for index in direction.indices { moved[keyPath: path][index] += direction[index] * step[0] }
        return 100 * loss(moved)
      }[0]
      let elements = found.elements.map(Double.init)
      let norm = dot(elements, elements).squareRoot()
      #expect(abs(dot(elements, direction) - slope) < 2e-5 * max(norm, 0.1), "\(slope), \(norm)")
    }
    check(\.queryFeatures, gradients.queryFeatures)
    check(\.keyFeatures, gradients.keyFeatures)
    if testCase.hybrid.window != .none { check(\.factors, gradients.windowFactors) }
  }

  @Test(arguments: [true, false])
  func `what padding's rows hold reaches nothing`(isCausal: Bool) {
    let fixture = HybridOperandsFixture(
      HybridCase(window: .none, sinks: 0, isAffine: false, segments: [3, 70], isCausal: isCausal))
    let (value, gradients) = fixture.weightLoss(floor: .add, weight: 1)
    let (poisonedValue, poisoned) = fixture.poisonedPadding.weightLoss(floor: .add, weight: 1)
    #expect(value == poisonedValue)
    #expect(gradients.queryFeatures.elements == poisoned.queryFeatures.elements)
    #expect(gradients.keyFeatures.elements == poisoned.keyFeatures.elements)
    for rows in fixture.layout.padding {
      let padded = poisoned.keyFeatures.elements[rows.lowerBound * 20..<rows.upperBound * 20]
      #expect(padded.allSatisfy { $0 == 0 })
    }
  }

  @Test func `without a window no factors are needed, and none get a gradient`() {
    let fixture = HybridOperandsFixture(
      HybridCase(window: .none, sinks: 0, isAffine: false, segments: [3, 70]))
    let rows = fixture.layout.rows
    let results = [tensor(fixture.factors, [4]), Tensor(zeros: [0])].map { factors in
      attentionWeightCrossEntropy(
        queries: tensor(fixture.queries, [rows, 24]), keys: tensor(fixture.keys, [rows, 12]),
        queryFeatures: tensor(fixture.queryFeatures, [rows, 20]),
        keyFeatures: tensor(fixture.keyFeatures, [rows, 20]), windowFactors: factors,
        shape: fixture.shape, layout: fixture.layout, weight: 1)
    }
    #expect(results[0].value == results[1].value)
    #expect(results[0].gradients.keyFeatures.elements == results[1].gradients.keyFeatures.elements)
    #expect(results[0].gradients.windowFactors.elements == [0, 0, 0, 0])
    #expect(results[1].gradients.windowFactors.shape == [0])
  }
}

import RealModule
import TensorCore
import TestSupport
import Testing

@testable import Operations

struct HybridCase: Sendable, CustomTestStringConvertible {
  let window: AttentionWindow
  let sinks: Int
  let isAffine: Bool
  let segments: [Int]
  var isCausal = true
  var softCap: Float?
  var testDescription: String {
    "\(window), \(sinks) sinks, affine \(isAffine), \(segments), causal \(isCausal)"
      + (softCap.map { ", cap \($0)" } ?? "")
  }

  /// Padding of two rows before the first segment and three after the last.
  var layout: SequenceLayout {
    var start = 2
    var result: [SequenceLayout.Segment] = []
    for count in segments {
      result.append(.init(start: start, count: count))
      start += count
    }
    return SequenceLayout(rows: start + 3, segments: result)
  }

  static let all: [HybridCase] = {
    var cases: [HybridCase] = []
    for window in [AttentionWindow.none, .sliding(5), .sliding(64), .terrace(4), .terrace(64)] {
      for sinks in window == .none ? [0] : [0, 3] {
        for (index, segments) in [[1], [3, 70], [129]].enumerated() {
          cases.append(
            HybridCase(
              window: window, sinks: sinks, isAffine: index == 1 && window != .none,
              segments: segments))
        }
      }
    }
    for window in [AttentionWindow.sliding(5), .terrace(64)] {
      cases.append(
        HybridCase(window: window, sinks: 3, isAffine: true, segments: [3, 70], softCap: 1.25))
    }
    return cases
  }()
}

/// Random operands of a hybrid attention with 4 query and 2 key heads.
struct HybridOperandsFixture {
  let shape: HybridAttentionShape
  let layout: SequenceLayout
  var queries, keys, values, queryFeatures, keyFeatures, factors: [Double]

  init(_ testCase: HybridCase, mutesWindow: Bool = false) {
    layout = testCase.layout
    shape = HybridAttentionShape(
      attention: AttentionShape(
        queryHeads: 4, keyValueHeads: 2, headDim: 6, softCap: testCase.softCap,
        isCausal: testCase.isCausal), featureDim: 5,
      window: testCase.window, sinks: testCase.sinks, isAffine: testCase.isAffine,
      mutesWindow: mutesWindow)
    var draw = TestValues(7)
    queries = draw.normal(layout.rows * 24)
    keys = draw.normal(layout.rows * 12)
    values = draw.normal(layout.rows * 12)
    queryFeatures = draw.normal(layout.rows * 20).map { Double(Float(abs($0) + 0.01)) }
    keyFeatures = draw.normal(layout.rows * 20).map { Double(Float(abs($0) + 0.01)) }
    factors = draw.normal(4).map { Double(Float($0 - 1)) }
  }

  /// The naive twin, head by head and segment by segment.
  func naive() -> (output: [Double], weights: [[Double]]) {
    var output = [Double](repeating: 0, count: layout.rows * 24)
    var weights: [[Double]] = []
    for segment in layout.segments {
      for head in 0..<4 {
        let result = Naive.hybridAttention(
          queries: slice(queries, rows: segment.rows, width: 6, heads: 4, head: head),
          keys: slice(keys, rows: segment.rows, width: 6, heads: 2, head: head / 2),
          values: slice(values, rows: segment.rows, width: 6, heads: 2, head: head / 2),
          queryFeatures: slice(queryFeatures, rows: segment.rows, width: 5, heads: 4, head: head),
          keyFeatures: slice(keyFeatures, rows: segment.rows, width: 5, heads: 4, head: head),
          factor: factors[head], headDim: 6, featureDim: 5, scale: Double(shape.attention.scale),
          window: shape.window, sinks: shape.sinks, isAffine: shape.isAffine,
          cap: shape.attention.softCap.map { Double($0) }, isCausal: shape.attention.isCausal)
        weights.append(result.weights)
        for (row, index) in segment.rows.enumerated() {
          for column in 0..<6 {
            output[index * 24 + head * 6 + column] = result.output[row * 6 + column]
          }
        }
      }
    }
    return (output, weights)
  }

  /// Mean over heads and rows of the naive twin's cross-entropy of attention weights.
  func naiveWeightLoss(
    teacherWindow: Int? = nil, floor: AttentionWeightFloor = .clamp
  ) -> Double {
    var loss = 0.0
    let weights = naive().weights
    for (position, segment) in layout.segments.enumerated() {
      for head in 0..<4 {
        loss += Naive.attentionWeightCrossEntropy(
          queries: slice(queries, rows: segment.rows, width: 6, heads: 4, head: head),
          keys: slice(keys, rows: segment.rows, width: 6, heads: 2, head: head / 2),
          weights: weights[position * 4 + head], headDim: 6, scale: Double(shape.attention.scale),
          teacherWindow: teacherWindow, floor: floor,
          cap: shape.attention.softCap.map { Double($0) }, isCausal: shape.attention.isCausal)
      }
    }
    return loss / Double(4 * layout.segments.reduce(0) { $0 + $1.count })
  }

  func weightLoss(
    teacherWindow: Int? = nil, floor: AttentionWeightFloor = .clamp, weight: Float
  ) -> (value: Double, gradients: AttentionWeightGradients) {
    let rows = layout.rows
    return attentionWeightCrossEntropy(
      queries: tensor(queries, [rows, 24]), keys: tensor(keys, [rows, 12]),
      queryFeatures: tensor(queryFeatures, [rows, 20]),
      keyFeatures: tensor(keyFeatures, [rows, 20]), windowFactors: tensor(factors, [4]),
      shape: shape, layout: layout, teacherWindow: teacherWindow, floor: floor, weight: weight)
  }

  /// NaN in every row outside the segments.
  var poisonedPadding: HybridOperandsFixture {
    var copy = self
    copy.queries = poisoned(queries, layout, width: 24)
    copy.keys = poisoned(keys, layout, width: 12)
    copy.values = poisoned(values, layout, width: 12)
    copy.queryFeatures = poisoned(queryFeatures, layout, width: 20)
    copy.keyFeatures = poisoned(keyFeatures, layout, width: 20)
    return copy
  }

  func fast() -> (output: Tensor, statistics: HybridAttentionStatistics) {
    let rows = layout.rows
    return hybridAttention(
      queries: tensor(queries, [rows, 24]), keys: tensor(keys, [rows, 12]),
      values: tensor(values, [rows, 12]), queryFeatures: tensor(queryFeatures, [rows, 20]),
      keyFeatures: tensor(keyFeatures, [rows, 20]), windowFactors: tensor(factors, [4]),
      shape: shape, layout: layout)
  }

  func gradients(_ outputGradient: [Double]) -> HybridAttentionGradients {
    let rows = layout.rows
    let (output, statistics) = fast()
    return hybridAttentionGradients(
      tensor(outputGradient, [rows, 24]), queries: tensor(queries, [rows, 24]),
      keys: tensor(keys, [rows, 12]), values: tensor(values, [rows, 12]),
      queryFeatures: tensor(queryFeatures, [rows, 20]),
      keyFeatures: tensor(keyFeatures, [rows, 20]), windowFactors: tensor(factors, [4]),
      output: output, statistics: statistics, shape: shape, layout: layout, projections: true)
  }
}

@Suite struct HybridAttentionTests {
  @Test(arguments: HybridCase.all)
  func `the chunked form equals the definition, and padding comes out as zeros`(
    testCase: HybridCase
  ) {
    let fixture = HybridOperandsFixture(testCase)
    #expect(relativeRMS(fixture.fast().output.elements, fixture.naive().output) < 2e-6)
  }

  @Test(
    arguments: HybridCase.all.filter { $0.segments != [129] } + [
      HybridCase(window: .sliding(5), sinks: 3, isAffine: true, segments: [129])
    ])
  func `every gradient equals the numerical derivative of the definition`(testCase: HybridCase) {
    let fixture = HybridOperandsFixture(testCase)
    var draw = TestValues(11)
    let outputGradient = draw.normal(fixture.layout.rows * 24)
    let gradients = fixture.gradients(outputGradient)
    let check = {
      (path: WritableKeyPath<HybridOperandsFixture, [Double]>, found: Tensor, floor: Double) in
      // Every coordinate of a long sequence would take minutes; a fixed spread of them does not.
      let all = fixture[keyPath: path]
      let picked = Array(stride(from: 0, to: all.count, by: max(1, all.count / 24)))
      let expected = numericalGradient(at: picked.map { all[$0] }) { point in
        var moved = fixture
        for (index, value) in zip(picked, point) { moved[keyPath: path][index] = value }
        return dot(moved.naive().output, outputGradient)
      }
      let values = found.elements
      #expect(relativeRMS(picked.map { values[$0] }, expected, floor: floor) < 3e-5)
    }
    check(\.queryFeatures, gradients.queryFeatures, 1e-3)
    check(\.keyFeatures, gradients.keyFeatures, 1e-3)
    check(\.values, gradients.values!, 1e-3)
    if testCase.window != .none {
      check(\.queries, gradients.queries!, 1e-3)
      check(\.keys, gradients.keys!, 1e-3)
      // A window that holds every key has a gradient of exactly 0, of which sums of a few hundred
      // floats leave 1e-6: the floor says what that is held against.
      check(\.factors, gradients.windowFactors, 1e-1)
    }
  }

  @Test(arguments: HybridCase.all)
  func `a token's output does not change when later tokens do`(testCase: HybridCase) {
    let fixture = HybridOperandsFixture(testCase)
    let segment = fixture.layout.segments.last!
    let last = segment.rows.upperBound - 1
    var changed = fixture
    for column in 0..<24 { changed.queries[last * 24 + column] += 1 }
    for column in 0..<12 {
      changed.keys[last * 12 + column] += 1
      changed.values[last * 12 + column] -= 2
    }
    for column in 0..<20 { changed.keyFeatures[last * 20 + column] += 1 }
    let before = fixture.fast().output.elements
    let after = changed.fast().output.elements
    #expect(before[..<(last * 24)] == after[..<(last * 24)])
    #expect(before[(last * 24)..<(last * 24 + 24)] != after[(last * 24)..<(last * 24 + 24)])
  }
}

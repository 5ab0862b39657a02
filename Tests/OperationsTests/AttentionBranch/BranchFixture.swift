import TensorCore
import TestSupport
import Testing

@testable import Operations

/// A window, sinks and sequences, with 4 query heads over 2 of keys and values.
struct BranchCase: Sendable, CustomTestStringConvertible {
  let window: AttentionWindow
  let sinks: Int
  let segments: [Int]

  var testDescription: String { "\(window), \(sinks) sinks, \(segments)" }

  /// Two rows of padding before the first segment, three after the last.
  var layout: SequenceLayout {
    var start = 2
    var result: [SequenceLayout.Segment] = []
    for count in segments {
      result.append(.init(start: start, count: count))
      start += count
    }
    return SequenceLayout(rows: start + 3, segments: result)
  }

  static let all: [BranchCase] = {
    let windows: [AttentionWindow] = [.sliding(1), .sliding(5), .sliding(64), .terrace(4)]
    return windows.flatMap { window in
      [0, 3].flatMap { sinks in
        [[1], [3, 70], [129]].map { BranchCase(window: window, sinks: sinks, segments: $0) }
      }
    }
  }()
}

/// Random operands of both branches, and their naive twins.
struct BranchFixture {
  static let heads = 4
  static let keyHeads = 2
  static let d = 6
  static let f = 5

  let testCase: BranchCase
  let layout: SequenceLayout
  let attention = AttentionShape(queryHeads: heads, keyValueHeads: keyHeads, headDim: d)
  var queries, keys, values, queryFeatures, keyFeatures: [Double]

  init(_ testCase: BranchCase, seed: UInt64 = 5) {
    self.testCase = testCase
    layout = testCase.layout
    var draw = TestValues(seed)
    queries = draw.normal(layout.rows * Self.heads * Self.d)
    keys = draw.normal(layout.rows * Self.keyHeads * Self.d)
    values = draw.normal(layout.rows * Self.keyHeads * Self.d)
    let features = layout.rows * Self.heads * Self.f
    queryFeatures = draw.normal(features).map { Double(Float(abs($0) + 0.01)) }
    keyFeatures = draw.normal(features).map { Double(Float(abs($0) + 0.01)) }
  }

  var poisonedPadding: BranchFixture {
    var copy = self
    copy.queries = poisoned(queries, layout, width: Self.heads * Self.d)
    copy.keys = poisoned(keys, layout, width: Self.keyHeads * Self.d)
    copy.values = poisoned(values, layout, width: Self.keyHeads * Self.d)
    copy.queryFeatures = poisoned(queryFeatures, layout, width: Self.heads * Self.f)
    copy.keyFeatures = poisoned(keyFeatures, layout, width: Self.heads * Self.f)
    return copy
  }

  func rows(_ x: [Double], _ range: Range<Int>) -> Tensor {
    let width = x.count / layout.rows
    return tensor(
      Array(x[range.lowerBound * width..<range.upperBound * width]), [range.count, width])
  }

  func all(_ x: [Double]) -> Tensor { rows(x, 0..<layout.rows) }

  func window() -> AttentionBranch {
    windowBranch(
      queries: all(queries), keys: all(keys), values: all(values), attention: attention,
      window: testCase.window, sinks: testCase.sinks, layout: layout)
  }

  func features(_ keys: BranchKeys) -> AttentionBranch {
    featureBranch(
      queryFeatures: all(queryFeatures), keyFeatures: all(keyFeatures), values: all(values),
      attention: attention, keys: keys, layout: layout)
  }

  /// Features of the first sequence's keys.
  var keyFeatureMap: KeyFeatureMap {
    { _, positions in
      let first = layout.segments[0].start + Int(positions[0])
      return rows(keyFeatures, first..<first + positions.count)
    }
  }

  var older: BranchKeys { .older(testCase.window, sinks: testCase.sinks) }

  /// Numerators, denominators and log scales of every head and segment, in the layout's places.
  func naive(
    _ branch: (_ rows: Range<Int>, _ head: Int) -> NaiveBranch<Double>
  ) -> NaiveBranch<Double> {
    let (heads, d) = (Self.heads, Self.d)
    var result = NaiveBranch(
      numerators: [Double](repeating: 0, count: layout.rows * heads * d),
      denominators: [Double](repeating: 0, count: layout.rows * heads),
      logScales: [Double](repeating: 0, count: layout.rows * heads))
    for segment in layout.segments {
      for head in 0..<heads {
        let found = branch(segment.rows, head)
        for (row, index) in segment.rows.enumerated() {
          result.denominators[index * heads + head] = found.denominators[row]
          result.logScales[index * heads + head] = found.logScales[row]
          for column in 0..<d {
            result.numerators[(index * heads + head) * d + column] =
              found.numerators[row * d + column]
          }
        }
      }
    }
    return result
  }

  func naiveWindow() -> NaiveBranch<Double> {
    naive { rows, head in
      Naive.windowBranch(
        queries: slice(queries, rows: rows, width: Self.d, heads: Self.heads, head: head),
        keys: slice(keys, rows: rows, width: Self.d, heads: Self.keyHeads, head: head / 2),
        values: slice(values, rows: rows, width: Self.d, heads: Self.keyHeads, head: head / 2),
        headDim: Self.d, scale: Double(attention.scale), window: testCase.window,
        sinks: testCase.sinks)
    }
  }

  func naiveFeatures(_ keys: BranchKeys) -> NaiveBranch<Double> {
    naive { rows, head in
      Naive.featureBranch(
        queryFeatures: slice(
          queryFeatures, rows: rows, width: Self.f, heads: Self.heads, head: head),
        keyFeatures: slice(keyFeatures, rows: rows, width: Self.f, heads: Self.heads, head: head),
        values: slice(values, rows: rows, width: Self.d, heads: Self.keyHeads, head: head / 2),
        featureDim: Self.f, headDim: Self.d, keys: keys)
    }
  }
}

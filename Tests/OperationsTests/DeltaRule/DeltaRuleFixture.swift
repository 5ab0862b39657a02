import TensorCore
import TestSupport
import Testing

@testable import Operations

/// How strongly the states of a test decay, a step.
enum DecayStrength: String, CaseIterable, Sendable {
  /// RWKV-7's range, `log w` in (−0.61, 0).
  case rwkv7
  /// None, or nearly none.
  case none
  /// −5 in every channel.
  case five
  /// −20 in every channel.
  case twenty
  /// From 0 to −30, −200 and −∞ among them, within one channel as well.
  case mixed

  func logDecays(_ count: Int, _ draw: inout TestValues) -> [Double] {
    let draws = draw.normal(count).map { abs($0) }
    return draws.enumerated().map { index, x in
      switch self {
      case .rwkv7: Double(Float(-0.6065 * x / (1 + x)))
      case .none: index % 3 == 0 ? 0 : Double(Float(-1e-6 * x))
      case .five: -5
      case .twenty: -20
      case .mixed:
        index % 31 == 3 ? -.infinity : index % 29 == 2 ? -200 : Double(Float(-x * x * x))
      }
    }
  }
}

/// Operands as RWKV-7 has them (`z = −κ`, `β = κ ⊙ a`, `κ` of length 1), 2 heads.
struct DeltaRuleFixture {
  static let heads = 2
  let shape: DeltaRuleShape
  let layout: SequenceLayout
  var receptances, logDecays, keys, values, removals, writes: [Double]
  let upstream: [Double]

  /// Segments stand with a row of padding before the first and two after every one.
  init(_ segments: [Int], _ strength: DecayStrength, headDim d: Int = 6) {
    var start = 1
    layout = {
      let segments = segments.map { count in
        defer { start += count + 2 }
        return SequenceLayout.Segment(start: start, count: count)
      }
      return SequenceLayout(rows: start, segments: segments)
    }()
    shape = DeltaRuleShape(heads: Self.heads, headDim: d, scale: 0.75)
    let count = layout.rows * shape.width
    var draw = TestValues(7)
    receptances = draw.normal(count)
    keys = draw.normal(count, scale: 0.7)
    values = draw.normal(count)
    upstream = draw.normal(count)
    var kappa = draw.normal(count)
    for start in stride(from: 0, to: count, by: d) {
      let length = kappa[start..<start + d].reduce(0) { $0 + $1 * $1 }.squareRoot()
      for index in start..<start + d { kappa[index] /= length }
    }
    removals = kappa.map { Double(Float(-$0)) }
    writes = zip(kappa, draw.normal(count)).map { Double(Float($0 / (1 + $1 * $1))) }
    logDecays = strength.logDecays(count, &draw)
  }

  static var operands: [(name: Comment, path: WritableKeyPath<DeltaRuleFixture, [Double]>)] {
    [
      ("receptances", \.receptances), ("logDecays", \.logDecays), ("keys", \.keys),
      ("values", \.values), ("removals", \.removals), ("writes", \.writes),
    ]
  }

  func rows(_ x: [Double], _ range: Range<Int>) -> Tensor {
    let width = shape.width
    return tensor(
      Array(x[range.lowerBound * width..<range.upperBound * width]), [range.count, width])
  }

  func fast() -> (output: Tensor, saved: DeltaRuleSaved) {
    let all = 0..<layout.rows
    return deltaRule(
      receptances: rows(receptances, all), logDecays: rows(logDecays, all), keys: rows(keys, all),
      values: rows(values, all), removals: rows(removals, all), writes: rows(writes, all),
      shape: shape, layout: layout)
  }

  /// Gradients of `Σ output * upstream`, in the order of `operands`.
  func gradients() -> [Tensor] {
    let all = 0..<layout.rows
    let found = deltaRuleGradients(
      rows(upstream, all), receptances: rows(receptances, all), logDecays: rows(logDecays, all),
      keys: rows(keys, all), values: rows(values, all), removals: rows(removals, all),
      writes: rows(writes, all), saved: fast().saved, shape: shape, layout: layout)
    return [
      found.receptances, found.logDecays, found.keys, found.values, found.removals, found.writes,
    ]
  }

  /// Operands of one head of one segment.
  func head(_ segment: SequenceLayout.Segment, _ head: Int) -> NaiveDeltaRule<Double> {
    let column = { (x: [Double]) in
      slice(x, rows: segment.rows, width: shape.headDim, heads: Self.heads, head: head)
    }
    return NaiveDeltaRule(
      receptances: column(receptances), logDecays: column(logDecays), keys: column(keys),
      values: column(values), removals: column(removals), writes: column(writes))
  }

  /// The naive twin, head by head and segment by segment.
  func naive() -> (output: [Double], finalStates: [Double], gradients: [[Double]]) {
    let (d, heads) = (shape.headDim, Self.heads)
    var output = [Double](repeating: 0, count: layout.rows * shape.width)
    var gradients = Self.operands.map { _ in output }
    var finalStates: [Double] = []
    for segment in layout.segments {
      for head in 0..<heads {
        let operands = self.head(segment, head)
        let result = Naive.deltaRule(operands, headDim: d, scale: Double(shape.scale))
        finalStates += result.states.suffix(d * d)
        let found = Naive.deltaRuleGradients(
          slice(upstream, rows: segment.rows, width: d, heads: heads, head: head), operands,
          states: result.states, headDim: d, scale: Double(shape.scale))
        let parts = [
          found.receptances, found.logDecays, found.keys, found.values, found.removals,
          found.writes,
        ]
        for index in 0..<segment.count * d {
          let target =
            (segment.start + index / d) * shape.width + head * d + index % d
          output[target] = result.output[index]
          for (operand, part) in parts.enumerated() { gradients[operand][target] = part[index] }
        }
      }
    }
    return (output, finalStates, gradients)
  }
}

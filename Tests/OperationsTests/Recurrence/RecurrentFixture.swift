import Foundation
import Operations
import TensorCore
import TestSupport
import Testing

/// How many numbers a decay has.
enum DecayKind: String, Sendable, CaseIterable {
  case none, fixed, head, channel
}

/// How strongly the states of a test decay, a step.
enum DecayStrength: String, Sendable, CaseIterable {
  /// RWKV-7's range, `log w` in (−0.61, 0).
  case rwkv7
  /// From `−0.003` to the bound `−5` of RAD-RWKV6, as its decays are trained.
  case rwkv6
  /// None, or nearly none.
  case none
  /// `−5`, give or take a half.
  case five
  /// `−20`: a token later only a billionth is left.
  case twenty
  /// From 0 to −30, −200 and −∞ among them, within one channel as well.
  case mixed

  func logDecays(_ count: Int, _ draw: inout TestValues) -> [Double] {
    draw.normal(count).enumerated().map { index, normal in
      let x = abs(normal)
      return switch self {
      case .rwkv7: Double(Float(-0.6065 * x / (1 + x)))
      case .rwkv6: Double(Float(max(-exp(1.5 * normal - 1.5), -5)))
      case .none: index % 3 == 0 ? 0 : Double(Float(-1e-6 * x))
      case .five: Double(Float(-5 + normal / 2))
      case .twenty: Double(Float(-20 + normal))
      case .mixed:
        index % 31 == 3 ? -.infinity : index % 29 == 2 ? -200 : Double(Float(-x * x * x))
      }
    }
  }
}

/// Heads, sequences and decay of a random recurrence; what its operands have in common.
struct RecurrentCase {
  let shape: RecurrentShape
  let layout: SequenceLayout
  let kind: DecayKind

  /// 6 query heads that share 3 of keys and 2 of values, 10 by 7 dimensions.
  static let grouped = RecurrentShape(
    queryHeads: 6, keyHeads: 3, valueHeads: 2, keyDim: 10, valueDim: 7, scale: 0.75)

  /// Segments stand with a row of padding before the first and two after every one.
  static func packed(_ counts: [Int]) -> SequenceLayout {
    var start = 1
    let segments = counts.map { count in
      defer { start += count + 2 }
      return SequenceLayout.Segment(start: start, count: count)
    }
    return SequenceLayout(rows: start, segments: segments)
  }

  /// Columns of the log decays.
  var decayWidth: Int {
    switch kind {
    case .none: 0
    case .fixed, .head: shape.queryHeads
    case .channel: shape.queryWidth
    }
  }

  var decayRows: Int { kind == .fixed ? 1 : layout.rows }

  var stateCount: Int { layout.segments.count * shape.queryHeads * shape.keyDim * shape.valueDim }
  var normalizerCount: Int { layout.segments.count * shape.queryWidth }

  func decay(_ logDecays: [Double], rows: Range<Int>? = nil) -> RecurrentDecay<Tensor> {
    switch kind {
    case .none: .none
    case .fixed: .fixed(logDecays.map(Float.init))
    case .head: .head(part(logDecays, decayWidth, rows))
    case .channel: .channel(part(logDecays, decayWidth, rows))
    }
  }

  /// Rows of an operand of `width` columns, all unless given.
  func part(_ x: [Double], _ width: Int, _ rows: Range<Int>? = nil) -> Tensor {
    let rows = rows ?? 0..<layout.rows
    return tensor(
      Array(x[rows.lowerBound * width..<rows.upperBound * width]), [rows.count, width])
  }

  func sums(_ x: [Double]) -> Tensor {
    tensor(x, [layout.segments.count, shape.queryHeads, shape.keyDim, shape.valueDim])
  }

  func normalizer(_ x: [Double]) -> Tensor {
    tensor(x, [layout.segments.count, shape.queryHeads, shape.keyDim])
  }

  /// Every head of every segment, and its place among the states.
  var heads: [RecurrentHead] {
    layout.segments.enumerated().flatMap { index, segment in
      (0..<shape.queryHeads).map {
        RecurrentHead(
          item: self, segment: segment, head: $0, slot: index * shape.queryHeads + $0)
      }
    }
  }
}

/// One head of one segment: takes what belongs to it out of operands, and puts it back.
struct RecurrentHead {
  let item: RecurrentCase
  let segment: SequenceLayout.Segment
  let head, slot: Int

  private func shared(_ heads: Int) -> Int { head / (item.shape.queryHeads / heads) }

  func rows(_ x: [Double], heads: Int, dim: Int) -> [Double] {
    slice(x, rows: segment.rows, width: dim, heads: heads, head: shared(heads))
  }

  /// Adds, so that gradients of heads which share one are summed.
  func add(_ part: [Double], to x: inout [Double], heads: Int, dim: Int) {
    for (index, value) in part.enumerated() {
      let row = segment.start + index / dim
      x[(row * heads + shared(heads)) * dim + index % dim] += value
    }
  }

  func state(_ x: [Double], dim: Int) -> [Double] { Array(x[slot * dim..<(slot + 1) * dim]) }

  /// One log decay a channel.
  func logDecays(_ x: [Double]) -> [Double] {
    let f = item.shape.keyDim
    let repeated = { (rates: [Double]) in rates.flatMap { [Double](repeating: $0, count: f) } }
    switch item.kind {
    case .none: return [Double](repeating: 0, count: segment.count * f)
    case .fixed: return repeated([Double](repeating: x[head], count: segment.count))
    case .head: return repeated(rows(x, heads: item.shape.queryHeads, dim: 1))
    case .channel: return rows(x, heads: item.shape.queryHeads, dim: f)
    }
  }

  /// Adds gradients of one log decay a channel to those of the operand.
  func addDecays(_ part: [Double], to x: inout [Double]) {
    let f = item.shape.keyDim
    switch item.kind {
    case .none, .fixed: return
    case .head:
      let sums = stride(from: 0, to: part.count, by: f).map { part[$0..<$0 + f].reduce(0, +) }
      add(sums, to: &x, heads: item.shape.queryHeads, dim: 1)
    case .channel: add(part, to: &x, heads: item.shape.queryHeads, dim: f)
    }
  }
}

/// Named tensors of a case: operands, results or gradients.
typealias Named = [String: [Double]]

/// Holds named tensors against their twin's.
func expectEqual(
  _ found: [String: Tensor], _ expected: Named, within tolerance: Double,
  sourceLocation: SourceLocation = #_sourceLocation
) {
  #expect(
    Set(found.keys).isSubset(of: expected.keys) && !found.isEmpty, sourceLocation: sourceLocation)
  for (name, tensor) in found.sorted(by: { $0.key < $1.key }) {
    let error = relativeRMS(tensor.elements, expected[name]!)
    #expect(error < tolerance, "\(name)", sourceLocation: sourceLocation)
  }
}

/// The gradients of a function of named operands, dotted with random directions, against central
/// differences along them.
func expectDirectionalDerivatives(
  _ gradients: Named, at point: Named, within tolerance: Double,
  sourceLocation: SourceLocation = #_sourceLocation, _ function: (Named) -> Double
) {
  var draw = TestValues(77)
  let step = 1e-5
  for name in gradients.keys.sorted() {
    for _ in 0..<3 {
      let direction = draw.normal(point[name]!.count)
      let losses = [1.0, -1.0].map { sign in
        var moved = point
        for (index, x) in direction.enumerated() { moved[name]![index] += sign * step * x }
        return function(moved)
      }
      let expected = (losses[0] - losses[1]) / (2 * step)
      let found = dot(gradients[name]!, direction)
      // The gradient of one token's decay of nothing is 0.
      let size = max(abs(expected), dot(gradients[name]!, gradients[name]!).squareRoot(), 1e-3)
      #expect(
        abs(found - expected) < tolerance * size, "\(name)", sourceLocation: sourceLocation)
    }
  }
}

/// Fills the buffers that the next operations will take with NaN.
func poisonBuffers() {
  var tensors: [Tensor] = []
  for power in 6..<17 {
    for quarter in 4..<8 {
      for _ in 0..<3 { tensors.append(Tensor(repeating: .nan, [(1 << (power - 2)) * quarter])) }
    }
  }
  tensors.removeAll()
}

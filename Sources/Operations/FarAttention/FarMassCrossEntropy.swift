import Foundation
import TensorCore

/// Binary cross-entropy of the share that a memory has of a query's attention, averaged over heads and
/// rows; rows that have no far key lose nothing:
///
///     L_i = −m_i log μ_i − (1 − m_i) log(1 − μ_i),  μ = σ(z),  dz = μ − m
///
/// - Parameters:
///   - logits: `z`, `[tokens, queryHeads]`.
///   - far: the shares that are to be had.
///   - weight: of the loss in the gradient, which is that for the logits.
public func farMassCrossEntropy(_ logits: Tensor, far: FarAttention, weight: Float) -> (
  value: Double, gradient: Tensor
) {
  let heads = far.attention.queryHeads
  precondition(
    logits.shape == [far.layout.rows, heads],
    "logits of \(logits.shape) for \(far.layout.rows) rows of \(heads) heads")
  let factor = weight / Float(far.slots)
  var loss = 0.0
  var gradient = Tensor(zeros: logits.shape)
  withPointers(writing(&gradient), logits, far.masses) { gradient, logits, masses in
    for segment in far.layout.segments {
      for position in 0..<segment.count where far.keys.holdsAny(before: position) {
        let row = (segment.start + position) * heads
        for slot in row..<row + heads {
          let (z, mass) = (logits[slot], masses[slot])
          loss += Double(max(z, 0) + log1pf(expf(-abs(z))) - mass * z)
          gradient[slot] = factor * (1 / (1 + expf(-z)) - mass)
        }
      }
    }
  }
  return (loss / Double(far.slots), gradient)
}

extension BranchKeys {
  /// Whether the query at `position` of a sequence has any such key.
  public func holdsAny(before position: Int) -> Bool {
    switch self {
    case .all: true
    case .older(let window, let sinks): window.start(of: position) > sinks
    }
  }
}

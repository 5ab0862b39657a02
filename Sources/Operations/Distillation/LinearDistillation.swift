import CVectorKernels
import Foundation
import TensorCore

/// The distributions that a student learns.
public enum DistillationTeacher: Sendable {
  /// Final hidden states `[rows, width]`, and the head `[vocabulary, width]` that reads them.
  case hidden(Tensor, head: LogitHead)
  /// The most probable tokens, all others as one bin.
  case truncated(TruncatedDistributions)

  fileprivate var rows: Int {
    switch self {
    case .hidden(let hidden, _): hidden.shape[0]
    case .truncated(let truncated): truncated.rows
    }
  }
}

/// What distillation measures of every row, in nats.
public struct DistillationLosses: Sendable {
  /// `KL(teacher ‖ student)`; 0 outside of the counted rows.
  public var divergences: [Float]
  /// `−log q[target]`; 0 where the target is ignored.
  public var crossEntropies: [Float]
}

/// Factors of the gradients of the **sums** of both losses.
public struct DistillationScales: Sendable {
  /// Factor of the sum of divergences.
  public var divergence: Float
  /// Factor of the sum of cross-entropies.
  public var crossEntropy: Float

  /// A factor for each of the two losses.
  public init(divergence: Float, crossEntropy: Float) {
    self.divergence = divergence
    self.crossEntropy = crossEntropy
  }
}

/// Distils next-token distributions at temperature 1 without ever holding the logits of all rows
/// (RADLADS, arXiv 2505.03005, step 2). With `z = t(x Wᵀ)` of the head's transform t, `q = softmax(z)` and the teacher's `p`:
///
///     D = Σ_v p_v (log p_v − log q_v)             dD/dz = q − p
///     C = −log q[target]                           dC/dz = q − onehot(target)
///
/// Of a teacher that is known by its `k` most probable tokens `K` and the mass `r` of all others,
/// with `s = Σ_{v ∉ K} q_v`:
///
///     D = Σ_{v ∈ K} p_v (log p_v − log q_v) + r (log r − log s)
///     dD/dz_v = q_v − p_v in K,  q_v − r q_v / s outside
///
/// which is at most the divergence of the full distributions. Logits and their exponentials are
/// floats, every sum over the vocabulary that a loss is made of is a double.
///
/// - Parameters:
///   - x: `[rows, width]`, the student's final hidden states.
///   - head: `[vocabulary, width]`.
///   - counted: whether the divergence of a row counts; padding does not.
///   - targets: `[rows]`, `ignoredTarget` where nothing is predicted.
///   - scales: nil when no gradient is needed.
/// - Returns: the losses, and the gradient for `x`.
public func linearDistillation(
  _ x: Tensor, head: LogitHead, teacher: DistillationTeacher, counted: [Bool],
  targets: [Int32], scales: DistillationScales?
) -> (losses: DistillationLosses, gradient: Tensor?) {
  var gradient = scales.map { _ in Tensor(zeros: x.shape) }
  let losses = distillationTiles(
    x, head: head, teacher: teacher, counted: counted, targets: targets, scales: scales
  ) { rows, _, logitGradient in
    if gradient != nil {
      put(frozenLinearInputGradient(logitGradient, head.weights), at: rows, into: &gradient!)
    }
  }
  return (losses, gradient)
}

/// The same for a head that is trained: with the gradient for it, `[vocabulary, width]`, summed
/// tile by tile.
public func linearDistillationGradients(
  _ x: Tensor, head: Tensor, transform: ScoreTransform = .identity,
  teacher: DistillationTeacher, counted: [Bool], targets: [Int32], scales: DistillationScales
) -> (losses: DistillationLosses, gradient: Tensor, headGradient: Tensor) {
  var gradient = Tensor(zeros: x.shape)
  var headGradient = Tensor(zeros: head.shape)
  let losses = distillationTiles(
    x, head: LogitHead(StoredTensor(head), transform: transform), teacher: teacher,
    counted: counted, targets: targets, scales: scales
  ) { rows, hidden, logitGradient in
    put(matrixProduct(logitGradient, head), at: rows, into: &gradient)
    addProduct(logitGradient, hidden, leftTransposed: true, to: &headGradient)
  }
  return (losses, gradient, headGradient)
}

/// Losses, tile by tile.
///
/// - Parameter visit: called with the tile's rows, their part of `x`, and, given scales, the
///   gradient of the scaled losses for their logits, `[tile, vocabulary]`.
private func distillationTiles(
  _ x: Tensor, head: LogitHead, teacher: DistillationTeacher, counted: [Bool],
  targets: [Int32], scales: DistillationScales?,
  visit: (_ rows: Range<Int>, _ hidden: Tensor, _ logitGradient: Tensor) -> Void
) -> DistillationLosses {
  let (rows, vocabulary) = (x.shape[0], head.shape[0])
  precondition(
    x.shape == [rows, head.shape[1]] && counted.count == rows && targets.count == rows
      && teacher.rows == rows,
    "\(x.shape), head \(head.shape), \(counted.count) counted, \(targets.count) targets, \(teacher.rows) of the teacher"
  )
  var divergences = [Float](repeating: 0, count: rows)
  var crossEntropies = [Float](repeating: 0, count: rows)
  let tileRows = head.tileRows
  for start in stride(from: 0, to: rows, by: tileRows) {
    let tile = start..<min(rows, start + tileRows)
    let hidden = copiedRows(x, tile)
    var logits = head.logits(hidden)
    let reference = TileReference(teacher, tile)
    let tileLosses = logits.withMutablePointer { logits in
      WorkerPool.shared.parallelMap(tile.count) { row in
        let place = tile.lowerBound + row
        let line = DistillationRow(logits + row * vocabulary, vocabulary)
        let target = targets[place]
        let crossEntropy = target == ignoredTarget ? 0 : line.crossEntropy(Int(target))
        var shares = RowShares()
        if counted[place] { shares.divergence = scales?.divergence ?? 0 }
        if target != ignoredTarget { shares.crossEntropy = scales?.crossEntropy ?? 0 }
        let own = shares
        let divergence = head.transform.withGradient(
          inPlaceOf: line.logits, vocabulary, isWritten: scales != nil
        ) {
          reference.compare(
            line, row: row, isCounted: counted[place], shares: own, target: Int(target),
            writesGradient: scales != nil)
        }
        return (divergence, crossEntropy)
      }
    }
    for (place, loss) in zip(tile, tileLosses) {
      (divergences[place], crossEntropies[place]) = loss
    }
    if scales != nil { visit(tile, hidden, logits) }
  }
  return DistillationLosses(divergences: divergences, crossEntropies: crossEntropies)
}

private func put(_ part: Tensor, at rows: Range<Int>, into whole: inout Tensor) {
  let width = whole.shape[1]
  whole.withMutablePointer { whole in
    part.withPointer {
      (whole + rows.lowerBound * width).update(from: $0, count: rows.count * width)
    }
  }
}

import CVectorKernels
import Foundation
import TensorCore

/// How far one frozen head's next-token distributions lie from another's, row by row, without
/// ever holding the logits of all rows:
///
///     D_i = KL(p_i ‖ q_i) = Σ_v p_iv (log p_iv − log q_iv)
///     p_i = softmax(t(x_i Wᵀ)),  q_i = softmax(u(y_i Uᵀ)),  each with its head's transform
///
/// Logits and their exponentials are floats, every sum over the vocabulary is a double: with
/// 50,000 terms a float sum would be off by more than a good student is. Rounding can leave a
/// divergence of 0 at −1e-8; such values are returned as 0.
///
/// - Parameters:
///   - reference: `x`, final hidden states that give `p`, `[rows, width]`.
///   - referenceHead: `W`, `[vocabulary, width]`.
///   - approximation: `y`, final hidden states that give `q`, `[rows, width]`.
///   - approximationHead: `U`, `[vocabulary, width]`.
/// - Returns: the divergence of every row in nats, and whether both hold the same token most
///   probable; among equal logits the first counts.
public func linearKLDivergence(
  _ reference: Tensor, head referenceHead: LogitHead, to approximation: Tensor,
  head approximationHead: LogitHead
) -> (divergences: [Double], agrees: [Bool]) {
  let vocabulary = referenceHead.shape[0]
  let rows = reference.shape[0]
  precondition(
    reference.shape.rank == 2 && approximation.shape == [rows, approximationHead.shape[1]]
      && reference.shape[1] == referenceHead.shape[1] && approximationHead.shape[0] == vocabulary,
    "\(reference.shape) and \(approximation.shape) with heads of \(referenceHead.shape) and \(approximationHead.shape)"
  )
  var divergences: [Double] = []
  var agrees: [Bool] = []
  let tileRows = referenceHead.tileRows
  for start in stride(from: 0, to: rows, by: tileRows) {
    let tile = start..<min(rows, start + tileRows)
    let p = referenceHead.logits(copiedRows(reference, tile))
    let q = approximationHead.logits(copiedRows(approximation, tile))
    let results = withPointers(p, q) { p, q in
      WorkerPool.shared.parallelMap(tile.count) { row in
        divergence(p + row * vocabulary, q + row * vocabulary, vocabulary: vocabulary)
      }
    }
    divergences += results.map(\.value)
    agrees += results.map(\.agrees)
  }
  return (divergences, agrees)
}

/// Of two rows of logits.
private func divergence(
  _ p: UnsafePointer<Float>, _ q: UnsafePointer<Float>, vocabulary: Int
) -> (value: Double, agrees: Bool) {
  let maximumP = vk_max(p, vocabulary)
  let maximumQ = vk_max(q, vocabulary)
  var exponentials = Tensor(uninitialized: [2, vocabulary])
  return exponentials.withMutablePointer { e in
    let f = e + vocabulary
    _ = vk_exp_sum(p, e, vocabulary, 1, maximumP)
    _ = vk_exp_sum(q, f, vocabulary, 1, maximumQ)
    var (totalP, totalQ, weighted) = (0.0, 0.0, 0.0)
    for index in 0..<vocabulary {
      let weight = Double(e[index])
      totalP += weight
      totalQ += Double(f[index])
      weighted += weight * Double((p[index] - maximumP) - (q[index] - maximumQ))
    }
    let value = weighted / totalP + log(totalQ) - log(totalP)
    return (
      max(0, value),
      firstIndex(of: maximumP, p, vocabulary) == firstIndex(of: maximumQ, q, vocabulary)
    )
  }
}

private func firstIndex(of value: Float, _ x: UnsafePointer<Float>, _ count: Int) -> Int? {
  UnsafeBufferPointer(start: x, count: count).firstIndex(of: value)
}

import CVectorKernels
import Foundation
import TensorCore

/// Next-token distributions of which only the most probable tokens are kept, and how much
/// probability all others have together.
public struct TruncatedDistributions: Sendable {
  /// Tokens kept of every row, `k`.
  public let count: Int
  /// `[rows * k]`, from the most probable down; among equal ones the smaller id comes first.
  public var ids: [Int32]
  /// Logarithms of their probabilities, `[rows, k]`.
  public var logProbabilities: Tensor
  /// What the other tokens have together, `[rows, 1]`.
  public var remainingMass: Tensor

  /// The number of distributions.
  public var rows: Int { remainingMass.shape[0] }

  /// Distributions of `count` tokens each, row after row.
  public init(count: Int, ids: [Int32], logProbabilities: Tensor, remainingMass: Tensor) {
    let rows = remainingMass.shape[0]
    precondition(
      ids.count == rows * count && logProbabilities.shape == [rows, count],
      "\(ids.count) ids, \(logProbabilities.shape), \(remainingMass.shape) for \(count) a row")
    self.count = count
    self.ids = ids
    self.logProbabilities = logProbabilities
    self.remainingMass = remainingMass
  }
}

/// The most probable tokens of `softmax(t(x Wᵀ))` with the head's transform t, row by row, without ever holding the logits of all
/// rows. The remaining mass is summed over the other tokens themselves, in doubles: as 1 minus
/// the rest it would be rounding alone where a model is sure.
///
/// - Parameters:
///   - x: `[rows, width]`, final hidden states.
///   - head: `[vocabulary, width]`.
///   - count: tokens kept, at most the vocabulary.
public func linearTopTokens(
  _ x: Tensor, head: LogitHead, count: Int
) -> TruncatedDistributions {
  let (rows, vocabulary) = (x.shape[0], head.shape[0])
  precondition((1...vocabulary).contains(count), "\(count) of \(vocabulary) tokens")
  var ids: [Int32] = []
  ids.reserveCapacity(rows * count)
  var logProbabilities = Tensor(zeros: [rows, count])
  var remainingMass = Tensor(zeros: [rows, 1])
  let tileRows = head.tileRows
  for start in stride(from: 0, to: rows, by: tileRows) {
    let tile = start..<min(rows, start + tileRows)
    let logits = head.logits(copiedRows(x, tile))
    ids += withPointers(writing(&logProbabilities), writing(&remainingMass), logits) {
      logProbabilities, remainingMass, logits in
      WorkerPool.shared.parallelMap(tile.count) { row in
        let line = logits + row * vocabulary
        let place = tile.lowerBound + row
        let kept = largest(count, of: line, vocabulary)
        let mass = masses(kept, line, vocabulary)
        let total = log(mass.kept + mass.others)
        remainingMass[place] = Float(mass.others / (mass.kept + mass.others))
        for (rank, id) in kept.enumerated() {
          let logit = Double(line[Int(id)] - line[Int(kept[0])])
          logProbabilities[place * count + rank] = Float(logit - total)
        }
        return kept
      }
    }.joined()
  }
  return TruncatedDistributions(
    count: count, ids: ids, logProbabilities: logProbabilities, remainingMass: remainingMass)
}

/// Sums of `exp(z − z[kept[0]])` over the kept tokens and over all others.
private func masses(
  _ ids: [Int32], _ logits: UnsafePointer<Float>, _ vocabulary: Int
) -> (kept: Double, others: Double) {
  var exponentials = Tensor(uninitialized: [vocabulary])
  return exponentials.withMutablePointer { e in
    _ = vk_exp_sum(logits, e, vocabulary, 1, logits[Int(ids[0])])
    var kept = 0.0
    for id in ids {
      kept += Double(e[Int(id)])
      e[Int(id)] = 0
    }
    var others = 0.0
    for index in 0..<vocabulary { others += Double(e[index]) }
    return (kept, others)
  }
}

/// Indices of the largest values, from the largest down.
private func largest(
  _ count: Int, of values: UnsafePointer<Float>, _ length: Int
) -> [Int32] {
  /// A heap whose top is the least of those kept: smaller, or as large and later.
  var heap: [Int32] = []
  heap.reserveCapacity(count)
  func isLess(_ a: Int32, _ b: Int32) -> Bool {
    let (x, y) = (values[Int(a)], values[Int(b)])
    return x < y || (x == y && a > b)
  }
  func sink(_ start: Int) {
    var parent = start
    while true {
      var least = parent
      for child in [2 * parent + 1, 2 * parent + 2]
      where child < heap.count && isLess(heap[child], heap[least]) {
        least = child
      }
      if least == parent { return }
      heap.swapAt(parent, least)
      parent = least
    }
  }
  for index in 0..<length {
    let candidate = Int32(index)
    if heap.count < count {
      heap.append(candidate)
      if heap.count == count {
        for parent in stride(from: count / 2, through: 0, by: -1) { sink(parent) }
      }
    } else if isLess(heap[0], candidate) {
      heap[0] = candidate
      sink(0)
    }
  }
  return heap.sorted { isLess($1, $0) }
}

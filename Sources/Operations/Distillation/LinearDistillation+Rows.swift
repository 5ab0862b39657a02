import CVectorKernels
import Foundation
import TensorCore

/// What the gradients of both losses are scaled by in one row; 0 where one does not count.
struct RowShares {
  var divergence: Float = 0
  var crossEntropy: Float = 0
}

/// One row of the student's logits, in whose place the gradient for them is written.
struct DistillationRow {
  let logits: UnsafeMutablePointer<Float>
  let vocabulary: Int
  let maximum: Float
  /// `log Σ exp(z − maximum)`
  let logTotal: Double

  init(_ logits: UnsafeMutablePointer<Float>, _ vocabulary: Int) {
    let largest = vk_max(logits, vocabulary)
    self.logits = logits
    self.vocabulary = vocabulary
    maximum = largest
    var exponentials = Tensor(uninitialized: [vocabulary])
    logTotal = exponentials.withMutablePointer { e in
      _ = vk_exp_sum(logits, e, vocabulary, 1, largest)
      return log(sum(e, vocabulary))
    }
  }

  func logProbability(_ token: Int) -> Double {
    Double(logits[token] - maximum) - logTotal
  }

  func crossEntropy(_ target: Int) -> Float { Float(-logProbability(target)) }

  /// Leaves `factor · q` in the place of the logits.
  func writeProbabilities(times factor: Float) {
    let total = vk_exp_sum(logits, logits, vocabulary, 1, maximum)
    vk_scale(logits, logits, factor / total, vocabulary)
  }
}

private func sum(_ x: UnsafePointer<Float>, _ count: Int) -> Double {
  // Lanes of doubles in a fixed order, because a single sum in order does not vectorise.
  var lanes = SIMD8<Double>.zero
  let whole = count & ~7
  for start in stride(from: 0, to: whole, by: 8) {
    for lane in 0..<8 { lanes[lane] += Double(x[start &+ lane]) }
  }
  var total = lanes.sum()
  for index in whole..<count { total += Double(x[index]) }
  return total
}

/// Rounding can leave a divergence of 0 at −1e-8. A number that is none stays so: `max` would make it
/// a perfect match.
private func nonNegative(_ divergence: Double) -> Float { Float(divergence < 0 ? 0 : divergence) }

/// The teacher's distributions of a tile.
struct TileReference {
  private enum Kind {
    case logits(Tensor)
    case truncated(TruncatedDistributions, first: Int)
  }

  private let kind: Kind

  init(_ teacher: DistillationTeacher, _ tile: Range<Int>) {
    switch teacher {
    case .hidden(let hidden, let head):
      kind = .logits(head.logits(copiedRows(hidden, tile)))
    case .truncated(let truncated):
      kind = .truncated(truncated, first: tile.lowerBound)
    }
  }

  /// - Parameter row: in the tile.
  /// - Returns: the divergence of a counted row, 0 of another.
  func compare(
    _ line: DistillationRow, row: Int, isCounted: Bool, shares: RowShares, target: Int,
    writesGradient: Bool
  ) -> Float {
    var divergence: Float = 0
    switch kind {
    case .logits(let logits):
      logits.withPointer { logits in
        divergence = full(
          line, logits + row * line.vocabulary, isCounted: isCounted, shares: shares,
          writesGradient: writesGradient)
      }
    case .truncated(let truncated, let first):
      divergence = bins(
        line, truncated, row: first + row, isCounted: isCounted, shares: shares,
        writesGradient: writesGradient)
    }
    if writesGradient, shares.crossEntropy != 0 { line.logits[target] -= shares.crossEntropy }
    return divergence
  }

  private func full(
    _ line: DistillationRow, _ p: UnsafePointer<Float>, isCounted: Bool, shares: RowShares,
    writesGradient: Bool
  ) -> Float {
    let vocabulary = line.vocabulary
    guard isCounted else {
      if writesGradient { line.writeProbabilities(times: shares.crossEntropy) }
      return 0
    }
    let maximum = vk_max(p, vocabulary)
    var exponentials = Tensor(uninitialized: [vocabulary])
    return exponentials.withMutablePointer { e in
      _ = vk_exp_sum(p, e, vocabulary, 1, maximum)
      let total = sum(e, vocabulary)
      let z = line.logits
      func term(_ index: Int) -> Double {
        let difference = (p[index] - maximum) - (z[index] - line.maximum)
        return Double(e[index]) * Double(difference)
      }
      var lanes = SIMD8<Double>.zero
      let whole = vocabulary & ~7
      for start in stride(from: 0, to: whole, by: 8) {
        for lane in 0..<8 { lanes[lane] += term(start &+ lane) }
      }
      var weighted = lanes.sum()
      for index in whole..<vocabulary { weighted += term(index) }
      if writesGradient {
        line.writeProbabilities(times: shares.divergence + shares.crossEntropy)
        vk_add_scaled(line.logits, e, -shares.divergence / Float(total), vocabulary)
      }
      return nonNegative(weighted / total + line.logTotal - log(total))
    }
  }

  private func bins(
    _ line: DistillationRow, _ truncated: TruncatedDistributions, row: Int, isCounted: Bool,
    shares: RowShares, writesGradient: Bool
  ) -> Float {
    guard isCounted else {
      if writesGradient { line.writeProbabilities(times: shares.crossEntropy) }
      return 0
    }
    let count = truncated.count
    let ids = truncated.ids[row * count..<(row + 1) * count]
    let remaining = truncated.remainingMass.withPointer { Double($0[row]) }
    return truncated.logProbabilities.withPointer { all in
      let logProbabilities = all + row * count
      var value = 0.0
      for (rank, id) in ids.enumerated() {
        let logP = Double(logProbabilities[rank])
        value += exp(logP) * (logP - line.logProbability(Int(id)))
      }
      let others = massOutside(ids, line)
      if remaining > 0 { value += remaining * (log(remaining) - log(others)) }
      if writesGradient {
        let scale = shares.divergence
        // q (scale + crossEntropy) everywhere; outside r q / s off, inside p off.
        let kept = ids.map { Float(exp(line.logProbability(Int($0)))) }
        let factor = scale * Float(1 - remaining / others) + shares.crossEntropy
        line.writeProbabilities(times: factor)
        for (rank, id) in ids.enumerated() {
          let p = Float(exp(Double(logProbabilities[rank])))
          line.logits[Int(id)] = (scale + shares.crossEntropy) * kept[rank] - scale * p
        }
      }
      return nonNegative(value)
    }
  }

  /// The student's probability of all tokens but these, summed over them: as 1 minus the rest it
  /// would be rounding alone where the student is sure. Never 0, so that its logarithm is finite.
  private func massOutside(_ ids: ArraySlice<Int32>, _ line: DistillationRow) -> Double {
    var exponentials = Tensor(uninitialized: [line.vocabulary])
    return exponentials.withMutablePointer { e in
      _ = vk_exp_sum(line.logits, e, line.vocabulary, 1, line.maximum)
      for id in ids { e[Int(id)] = 0 }
      return max(sum(e, line.vocabulary) / exp(line.logTotal), 1e-30)
    }
  }
}

import CVectorKernels
import Foundation
import TensorCore

/// A token and how probable a model holds it.
public struct TokenProbability: Sendable, Equatable {
  /// The token.
  public let id: Int32
  /// Natural logarithm of its probability, before any temperature.
  public let logProbability: Double
}

/// What a row of logits says of one token, and of the most probable ones.
public struct TokenScore: Sendable, Equatable {
  /// The token that was asked for.
  public let token: TokenProbability
  /// The most probable first; of equal ones that of the smaller id.
  public let top: [TokenProbability]
}

/// Log-probabilities of rows of logits.
///
/// - Parameters:
///   - logits: `[rows, vocabularySize]`.
///   - tokens: one for each of the first rows.
///   - count: how many of the most probable tokens are told beside it.
public func logProbabilities(_ logits: Tensor, of tokens: [Int32], top count: Int) -> [TokenScore] {
  let size = logits.shape[1]
  precondition(
    tokens.count <= logits.shape[0] && tokens.allSatisfy { (0..<size).contains(Int($0)) },
    "\(tokens.count) tokens of logits \(logits.shape)")
  return logits.withPointer { logits in
    WorkerPool.shared.parallelMap(tokens.count) { row in
      score(logits + row * size, size, of: tokens[row], top: min(count, size))
    }
  }
}

private func score(
  _ logits: UnsafePointer<Float>, _ size: Int, of token: Int32, top count: Int
) -> TokenScore {
  let maximum = vk_max(logits, size)
  var scratch = Tensor(uninitialized: [size])
  let sum = scratch.withMutablePointer { vk_exp_sum(logits, $0, size, 1, maximum) }
  let total = Double(maximum) + log(Double(sum))
  let told = { (id: Int) in
    TokenProbability(id: Int32(id), logProbability: Double(logits[id]) - total)
  }
  // Few of many: those that may be among them are put in their place one by one.
  var best: [Int] = []
  for id in 0..<size where count > 0 {
    if best.count == count, logits[id] <= logits[best[count - 1]] { continue }
    let place = best.firstIndex { logits[id] > logits[$0] } ?? best.count
    best.insert(id, at: place)
    if best.count > count { best.removeLast() }
  }
  return TokenScore(token: told(Int(token)), top: best.map(told))
}

import Foundation
import TensorCore

/// The tokens that may come next, with their logits.
package struct TokenCandidates {
  package internal(set) var ids: [Int32]
  /// In the order of `ids`.
  package internal(set) var logits: [Float]

  /// The whole vocabulary.
  package init(logits: [Float]) {
    ids = Array(0..<Int32(logits.count))
    self.logits = logits
  }

  /// Places of `ids` from the most probable down; equal ones by id, so that the order, and with it
  /// every draw, is determined.
  var ranking: [Int] {
    ids.indices.sorted {
      logits[$0] == logits[$1] ? ids[$0] < ids[$1] : logits[$0] > logits[$1]
    }
  }

  /// `softmax(logits)`, normalised in Double.
  var probabilities: [Double] {
    let maximum = logits.max() ?? 0
    let weights = logits.map { exp(Double($0 - maximum)) }
    let total = weights.reduce(0, +)
    return weights.map { $0 / total }
  }

  /// Leaves the tokens at the given places, in their order.
  mutating func keep(_ places: [Int]) {
    ids = places.map { ids[$0] }
    logits = places.map { logits[$0] }
  }
}

/// One step of choosing a token: it changes or removes candidates, and never removes all.
package protocol CandidateFilter: Sendable {
  func apply(to candidates: inout TokenCandidates)
}

/// Whether something can be chosen by these numbers: their largest is finite and none is NaN.
package func holdsLogits(_ logits: Tensor) -> Bool {
  let elements = logits.elements
  guard let maximum = elements.max(), maximum.isFinite else { return false }
  return !elements.contains(where: \.isNaN)
}

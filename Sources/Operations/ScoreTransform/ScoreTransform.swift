import CVectorKernels
import Foundation
import TensorCore

/// What a softmax reads instead of the products it is given: `y = cap tanh(scale x / cap)`, or
/// `y = scale x` without a cap. Gemma 2 caps attention scores and logits so (arXiv 2408.00118,
/// section 2).
public struct ScoreTransform: Sendable, Equatable {
  /// Factor of the products.
  public let scale: Float
  /// Bound of the scores; nil: none.
  public let cap: Float?

  /// Scores are the products.
  public static let identity = ScoreTransform()

  /// - Precondition: a cap is above 0.
  public init(scale: Float = 1, cap: Float? = nil) {
    precondition(cap.map { $0 > 0 } ?? true, "a cap of \(cap ?? 0)")
    self.scale = scale
    self.cap = cap
  }

  /// Whether scores are the products as they are.
  public var isIdentity: Bool { scale == 1 && cap == nil }

  func apply(_ x: UnsafeMutablePointer<Float>, _ count: Int) {
    guard let cap else {
      if scale != 1 { vk_scale(x, x, scale, count) }
      return
    }
    // An exact tanh: near 0, where most scores are, one made of exponentials is off by more than
    // rounding is.
    let factor = scale / cap
    for index in 0..<count { x[index] = cap * tanhf(factor * x[index]) }
  }

  /// The gradient for `x` in place of that for `y`: `dx = dy scale (1 − (y/cap)²)`.
  func backward(
    _ gradient: UnsafeMutablePointer<Float>, output y: UnsafePointer<Float>, _ count: Int
  ) {
    guard let cap else {
      if scale != 1 { vk_scale(gradient, gradient, scale, count) }
      return
    }
    let reciprocal = 1 / cap
    for index in 0..<count {
      let ratio = y[index] * reciprocal
      gradient[index] *= scale * (1 - ratio) * (1 + ratio)
    }
  }
}

/// A frozen head as a model computes with it: a table, and what becomes of its products.
public struct LogitHead: Sendable {
  /// `[vocabulary, width]`.
  public let weights: StoredTensor
  /// What becomes of the products.
  public let transform: ScoreTransform

  /// A head of a table, by default without a transform.
  public init(_ weights: StoredTensor, transform: ScoreTransform = .identity) {
    self.weights = weights
    self.transform = transform
  }

  /// `[vocabulary, width]`.
  public var shape: [Int] { weights.shape }

  /// Rows whose logits exist at one time where not all need to: 64 MiB of them. The head is read, and
  /// packed, once for all of them.
  public var tileRows: Int { Self.tileRows(vocabulary: shape[0]) }

  /// Rows of a vocabulary of that size.
  public static func tileRows(vocabulary: Int) -> Int {
    max(64, min(512, (16 << 20) / vocabulary / 64 * 64))
  }

  /// `[tokens, vocabulary]` of hidden states `[tokens, width]`.
  ///
  /// - Parameter rowsApart: see `frozenLinear`.
  public func logits(_ hidden: Tensor, rowsApart: Bool = false) -> Tensor {
    var logits = frozenLinear(hidden, weights, rowsApart: rowsApart)
    if transform.isIdentity { return logits }
    let (rows, vocabulary) = (hidden.shape[0], shape[0])
    logits.withMutablePointer { logits in
      WorkerPool.shared.parallel(rows) { transform.apply(logits + $0 * vocabulary, vocabulary) }
    }
    return logits
  }
}

extension ScoreTransform {
  /// Calls `body`, which writes the gradient for a row of transformed logits in their place, and
  /// makes that of the products of it.
  func withGradient<Result>(
    inPlaceOf logits: UnsafeMutablePointer<Float>, _ count: Int, isWritten: Bool,
    _ body: () -> Result
  ) -> Result {
    guard isWritten, !isIdentity else { return body() }
    var kept = Tensor(uninitialized: [count])
    return kept.withMutablePointer { kept in
      kept.update(from: logits, count: count)
      let result = body()
      backward(logits, output: kept, count)
      return result
    }
  }
}

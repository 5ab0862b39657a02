import CVectorKernels
import Foundation
import TensorCore

/// Heads, features and window of a hybrid of softmax and linear attention.
public struct HybridAttentionShape: Sendable, Equatable {
  /// Heads of queries, keys and values.
  public let attention: AttentionShape
  /// Features of a query or key, `f`; one map a query head.
  public let featureDim: Int
  /// The keys that softmax reads beside the sinks.
  public let window: AttentionWindow
  /// The first tokens of a sequence that stay visible to the softmax of every later query
  /// (attention sinks) and never enter the linear part.
  public let sinks: Int
  /// The linear part is weighted `1 − γ` instead of 1.
  public let isAffine: Bool
  /// Keys of the window and the sinks weigh nothing, and the linear part keeps the keys it has:
  /// what the linear attention does by itself. Forward and decoding only.
  public let mutesWindow: Bool

  /// - Precondition: sinks have a window, and a window has causal attention.
  public init(
    attention: AttentionShape, featureDim: Int, window: AttentionWindow, sinks: Int = 0,
    isAffine: Bool = false, mutesWindow: Bool = false
  ) {
    precondition(
      attention.isCausal || window == .none, "\(window) of bidirectional attention: \(attention)")
    precondition(sinks == 0 || window != .none, "sinks need a window")
    self.attention = attention
    self.featureDim = featureDim
    self.window = window
    self.sinks = sinks
    self.isAffine = isAffine
    self.mutesWindow = mutesWindow
  }

  /// The same keys, the window's and the sinks' without weight.
  public var withMutedWindow: HybridAttentionShape {
    HybridAttentionShape(
      attention: attention, featureDim: featureDim, window: window, sinks: sinks,
      isAffine: isAffine, mutesWindow: true)
  }

  var featureWidth: Int { attention.queryHeads * featureDim }

  var hasWindow: Bool { window != .none && !mutesWindow }

  /// Added to the normaliser of linear attention alone; a window's normaliser is never 0.
  var epsilon: Float { hasWindow ? 0 : 1e-12 }

  /// (γ, λ) of a head: `γ = sigmoid(factor)`, `λ = 1` or `1 − γ`.
  func factors(_ logit: Float) -> (window: Float, linear: Float) {
    let window = 1 / (1 + expf(-logit))
    return (window, isAffine ? 1 - window : 1)
  }
}

/// What the backward pass needs of the forward: `[tokens, queryHeads]` each.
public struct HybridAttentionStatistics: Sendable {
  /// `c_i`, the largest scaled product in the window; 0 without a window.
  public internal(set) var maxima: Tensor
  /// The normaliser that outputs were divided by.
  public internal(set) var normalizers: Tensor
}

/// Hybrid attention of LoLCATs (arXiv 2410.10254, equation 5; its code's form), per head
///
///     y_i = (Σ_𝒲 s_ij v_j + Σ_𝓛 l_ij v_j) / (Σ_𝒲 s_ij + Σ_𝓛 l_ij)
///     s_ij = γ exp(scale q_i·k_j − c_i),  c_i = max over 𝒲 of scale q_i·k_j
///     l_ij = λ φq_i·φk_j
///
/// where 𝒲 holds the window's keys and the sinks, 𝓛 every older key. As in that code the linear
/// part is not multiplied by `exp(−c_i)`. Without a window 𝓛 holds every key up to `i`, or, where
/// `shape.attention` is bidirectional, every key of the segment (Hedgehog, arXiv 2402.04347).
///
/// Time and memory are linear in the length: keys that have left every window of a chunk of
/// queries live in a state `S = Σ φk ᵀ v`, `z = Σ φk`, which for bidirectional attention is one.
///
/// - Parameters:
///   - queries: `[tokens, queryHeads * headDim]`; keys, values: `[tokens, keyValueHeads * headDim]`.
///   - queryFeatures: `[tokens, queryHeads * featureDim]`.
///   - keyFeatures: as `queryFeatures`.
///   - windowFactors: `[queryHeads]`, the logit of γ; read only where there is a window.
/// - Returns: `[tokens, queryHeads * headDim]`, zero on padding.
public func hybridAttention(
  queries: Tensor, keys: Tensor, values: Tensor, queryFeatures: Tensor, keyFeatures: Tensor,
  windowFactors: Tensor, shape: HybridAttentionShape, layout: SequenceLayout
) -> (output: Tensor, statistics: HybridAttentionStatistics) {
  let attention = shape.attention
  attention.check(queries: queries, keys: keys, values: values, rows: layout.rows)
  precondition(
    queryFeatures.shape == [layout.rows, shape.featureWidth]
      && keyFeatures.shape == [layout.rows, shape.featureWidth],
    "features \(queryFeatures.shape), \(keyFeatures.shape) for \(shape)")
  let heads = attention.queryHeads
  var output = Tensor(uninitialized: [layout.rows, attention.queryWidth])
  var maxima = Tensor(zeros: [layout.rows, heads])
  var normalizers = Tensor(zeros: [layout.rows, heads])
  let operands = HybridOperands(
    queries: queries, keys: keys, values: values, queryFeatures: queryFeatures,
    keyFeatures: keyFeatures)
  withPointers(writing(&output), writing(&maxima), writing(&normalizers)) {
    output, maxima, normalizers in
    zeroPadding(layout, output, width: attention.queryWidth)
    operands.withHeads(shape: shape, layout: layout, windowFactors: windowFactors) { head, slot in
      head.forward(
        output: output + slot * attention.headDim, maxima: maxima + slot,
        normalizers: normalizers + slot, divides: true)
    }
  }
  return (output, HybridAttentionStatistics(maxima: maxima, normalizers: normalizers))
}

/// `S = Σ φkᵀ v`, `[featureDim, headDim]`, and `z = Σ φk`, `[featureDim]`, of one head over the
/// keys before `absorbed` that are not sinks.
struct HybridState {
  let sums, normalizer: UnsafeMutablePointer<Float>
  var absorbed = 0

  /// Runs `body` with the state of no keys.
  static func withZeros<Result>(
    _ shape: HybridAttentionShape, _ body: (inout HybridState) -> Result
  ) -> Result {
    let count = shape.featureDim * shape.attention.headDim
    var storage = Tensor(zeros: [count + shape.featureDim])
    return storage.withMutablePointer {
      var state = HybridState(sums: $0, normalizer: $0 + count)
      return body(&state)
    }
  }
}

struct HybridOperands {
  let queries, keys, values, queryFeatures, keyFeatures: Tensor

  /// Runs `body` for every head of every segment, in parallel.
  func withHeads(
    shape: HybridAttentionShape, layout: SequenceLayout, windowFactors: Tensor,
    _ body: (_ head: HybridHead, _ queryHead: Int) -> Void
  ) {
    let (d, f) = (shape.attention.headDim, shape.featureDim)
    let heads = shape.attention.queryHeads
    let factors = windowFactors.elements
    withPointers(queries, keys, values, queryFeatures, keyFeatures) {
      queries, keys, values, queryFeatures, keyFeatures in
      WorkerPool.shared.parallel(layout.segments.count * heads) { task in
        let segment = layout.segments[task / heads]
        let head = task % heads
        let keyHead = head / shape.attention.group
        let keyOffset = segment.start * shape.attention.keyWidth + keyHead * d
        let featureOffset = segment.start * shape.featureWidth + head * f
        body(
          HybridHead(
            shape: shape, logit: shape.window == .none ? 0 : factors[head], segment: segment,
            firstQuery: 0, queries: queries + segment.start * shape.attention.queryWidth + head * d,
            queryFeatures: queryFeatures + featureOffset,
            near: HybridKeys(
              firstPosition: 0, keys: keys + keyOffset, values: values + keyOffset,
              features: keyFeatures + featureOffset, featureRows: segment.count),
            sinkKeys: keys + keyOffset, sinkValues: values + keyOffset),
          head)
      }
    }
  }
}

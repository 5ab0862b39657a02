import Documents
import Operations

/// Hedgehog's map as LoLCATs codes it, `[softmax(u) ⊕ softmax(−u)]` over a head's coordinates
/// (arXiv 2402.04347 section 4.1; arXiv 2410.10254).
public struct SoftmaxFeatureMap: ActivationFeatureMap {
  public static let name = "softmax"
  public static let summary =
    "softmax over each head's coordinates, of u and −u (Hedgehog, LoLCATs)"
  let activation: FeatureActivation

  public init(_ reader: DocumentReader) {
    activation = FeatureSpace(reader) == .full ? .softmax : .softmaxHalf
  }
}

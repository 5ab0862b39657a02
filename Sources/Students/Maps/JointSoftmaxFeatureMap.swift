import Documents
import Operations

/// One softmax over `[2u ⊕ −2u]`, Hedgehog's map as flash-linear-attention codes it.
public struct JointSoftmaxFeatureMap: ActivationFeatureMap {
  public static let name = "joint-softmax"
  public static let summary = "one softmax over 2u and −2u (flash-linear-attention's Hedgehog)"
  let activation = FeatureActivation.jointSoftmax

  public init(_ reader: DocumentReader) {}
}

import Documents
import Operations

/// T2R's map, `relu(x W + b)` (arXiv 2103.13076, section 2.2): `relu` with the projection that its
/// authors put before it, drawn at random and with a bias for every feature, where `relu` alone
/// starts from the identity and without one.
public struct T2RFeatureMap: ActivationFeatureMap {
  public static let name = "t2r"
  public static let summary = "ReLU of a random projection with a bias, then trained (T2R)"
  public static let defaults = ProjectionDefaults(
    initialization: .kaiming, hasBias: true, biasShape: .coordinate)
  let activation = FeatureActivation.relu

  public init(_ reader: DocumentReader) {}
}

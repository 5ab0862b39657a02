import Documents
import Operations

/// `relu(u)`, at least 1e-12. T2R's map is the same after another projection: see `T2RFeatureMap`.
public struct ReLUFeatureMap: ActivationFeatureMap {
  public static let name = "relu"
  public static let summary = "ReLU"
  let activation = FeatureActivation.relu

  public init(_ reader: DocumentReader) {}
}

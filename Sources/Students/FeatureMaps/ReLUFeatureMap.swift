import Documents
import Operations

/// `relu(u)`; with a bias it is T2R's map (Kasai et al. 2021, arXiv 2103.13076).
public struct ReLUFeatureMap: ActivationFeatureMap {
  public static let name = "relu"
  public static let summary = "ReLU; with a bias, T2R's map"
  let activation = FeatureActivation.relu

  public init(_ reader: DocumentReader) {}
}

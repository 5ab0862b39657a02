import Documents
import Operations

/// `1 + elu(u)` (Katharopoulos et al. 2020, arXiv 2006.16236).
public struct OnePlusELUFeatureMap: ActivationFeatureMap {
  public static let name = "one-plus-elu"
  public static let summary = "1 + ELU (the first linear transformers)"
  let activation = FeatureActivation.onePlusELU

  public init(_ reader: DocumentReader) {}
}

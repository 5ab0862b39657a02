import Documents
import Operations

/// `[exp(u) ⊕ exp(−u)]`, Hedgehog's pseudo-code (arXiv 2402.04347, appendix).
public struct ExponentialFeatureMap: ActivationFeatureMap {
  public static let name = "exponential"
  public static let summary = "exp(u) and exp(−u) (Hedgehog's pseudo-code)"
  let activation = FeatureActivation.exponential

  public init(_ reader: DocumentReader) {}
}

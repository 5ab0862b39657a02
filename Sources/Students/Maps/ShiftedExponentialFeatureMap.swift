import Documents
import Operations

/// `[exp(u − max u) ⊕ exp(min u − u)]`, the `exp_dim` of the LoLCATs code.
public struct ShiftedExponentialFeatureMap: ActivationFeatureMap {
  public static let name = "shifted-exponential"
  public static let summary = "exp of u and −u, shifted to a largest feature of 1 (LoLCATs exp_dim)"
  let activation: FeatureActivation

  public init(_ reader: DocumentReader) {
    activation = FeatureSpace(reader) == .full ? .shiftedExponential : .shiftedExponentialHalf
  }
}

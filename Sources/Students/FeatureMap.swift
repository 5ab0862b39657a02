import Differentiation
import Documents
import Operations

/// The nonlinear part of a feature map: projected heads to positive features.
public protocol FeatureMap: Sendable {
  static var name: String { get }
  static var summary: String { get }

  /// Reads the map's own keys of the recipe's `featureMap` object.
  init(_ reader: DocumentReader)

  /// Features made of a projection of `projectionDim` coordinates.
  func featureDim(projectionDim: Int) -> Int

  /// `[tokens, heads * projectionDim] -> [tokens, heads * featureDim]`, head by head.
  func features(_ projected: Variable, projectionDim: Int, on tape: Tape) -> Variable
}

/// Maps that act on each head's row with one activation of Operations.
protocol ActivationFeatureMap: FeatureMap {
  var activation: FeatureActivation { get }
}

extension ActivationFeatureMap {
  public func featureDim(projectionDim: Int) -> Int { projectionDim * activation.expansion }

  public func features(_ projected: Variable, projectionDim: Int, on tape: Tape) -> Variable {
    tape.featureActivation(projected, activation, f: projectionDim)
  }
}

/// Whether a map keeps both signs of the projection.
enum FeatureSpace: String, CaseIterable {
  case full
  case half

  init(_ reader: DocumentReader) {
    self = reader.choice(
      "space", default: FeatureSpace.full,
      "full: features of u and of −u, twice the projection; half: of u alone")
  }
}

import Documents
import Foundation
import Operations
import Students
import TensorCore

/// A registered feature map by its definition, in `Double`, read from the recipe's `featureMap`
/// anew; of a map that draws, the draws are the map's own.
struct NaiveFeatureMap: Sendable {
  private enum Kind {
    case activation(FeatureActivation)
    case exponential(temperature: Double)
    case cosine(maximumLength: Double)
    case taylor
    case rolledProducts(distances: Int)
    case random(count: Int?, epsilon: Double)
  }

  private let kind: Kind

  /// nil for a map that has no definition here.
  init?(_ map: JSONValue) {
    let isHalf = map["space"]?.stringValue == "half"
    switch map["kind"]!.stringValue! {
    case "softmax": kind = .activation(isHalf ? .softmaxHalf : .softmax)
    case "exponential": kind = .activation(.exponential)
    case "shifted-exponential":
      kind = .activation(isHalf ? .shiftedExponentialHalf : .shiftedExponential)
    case "joint-softmax": kind = .activation(.jointSoftmax)
    case "one-plus-elu": kind = .activation(.onePlusELU)
    case "relu", "t2r": kind = .activation(.relu)
    case "exp": kind = .exponential(temperature: map["temperature"]?.doubleValue ?? 1)
    case "cosformer": kind = .cosine(maximumLength: map["maximumLength"]?.doubleValue ?? 2048)
    case "taylor": kind = .taylor
    case "dpfp": kind = .rolledProducts(distances: map["nu"]?.intValue ?? 3)
    case "performer":
      kind = .random(
        count: map["randomFeatures"]?.intValue, epsilon: map["epsilon"]?.doubleValue ?? 1e-6)
    default: return nil
    }
  }

  func features(
    _ u: [Double], side: FeatureMapInput.Side, scale: Double, position: Double
  ) -> [Double] {
    switch kind {
    case .activation(let activation): return Naive.featureActivation(u, activation)
    case .exponential(let temperature):
      return Naive.scaledExponentialFeatures(u, temperature: temperature)
    case .cosine(let length):
      return Naive.cosineFeatures(u, position: position, maximumLength: length)
    case .taylor: return Naive.taylorFeatures(u, scale: scale)
    case .rolledProducts(let distances):
      return Naive.rolledProductFeatures(u, distances: distances)
    case .random(let count, let epsilon):
      let d = Double(u.count)
      return Naive.randomFeatures(
        u, directions: Self.directions(count ?? Int((d * log(d)).rounded()), u.count),
        scale: scale, epsilon: epsilon, keyShift: 0, ofQueries: side == .queries)
    }
  }

  /// What a mixer of `StudentCase.geometry`'s layer draws from the seed of `freshMixer`.
  private static func directions(_ count: Int, _ dim: Int) -> [Double] {
    let layer = StudentCase.geometry.layer
    var generator = SeededGenerator(
      seed: StudentCase.seed, purpose: "featureMap.randomFeatures.\(layer)")
    return RandomFeatures.drawDirections(count: count, dim: dim, using: &generator)
      .elements.map(Double.init)
  }
}

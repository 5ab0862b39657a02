import Differentiation
import Documents
import Operations
import Students
import TensorCore
import TestSupport
import Testing

@Suite struct FeatureMapGoldenTests {
  private static let shape = FeatureProjectionShape(
    queryHeads: 2, inputHeads: 2, headDim: 8, projectionDim: 8)

  /// Every map that is an activation, in every space, and the golden that holds it. The others
  /// have goldens of whole students: see `StudentGoldenTests`.
  static let goldens: [String: String] = [
    "softmax": "softmax", "softmax half": "softmaxHalf", "exponential": "exponential",
    "shifted-exponential": "shiftedExponential",
    "shifted-exponential half": "shiftedExponentialHalf", "joint-softmax": "jointSoftmax",
    "one-plus-elu": "onePlusELU", "relu": "relu", "t2r": "relu",
  ]

  /// Every registered map, and its half space where its schema has one.
  static func maps() throws -> [String: any FeatureMap] {
    var maps: [String: any FeatureMap] = [:]
    for type in StudentRegistry.featureMaps where !StudentGoldenTests.fixedKinds.contains(type.name)
    {
      maps[type.name] = try DocumentReader.read([:], type.init)
      let schema = DocumentReader.schema { _ = type.init($0) }
      if schema["properties"]?["space"] != nil {
        maps["\(type.name) half"] = try DocumentReader.read(["space": "half"], type.init)
      }
    }
    return maps
  }

  @Test func `every registered map has a golden, and every golden a map`() throws {
    #expect(Set(try Self.maps().keys) == Set(Self.goldens.keys))
    #expect(Set(Self.goldens.values) == Set(FeatureActivation.allCases.map(\.rawValue)))
  }

  @Test(arguments: goldens.keys.sorted())
  func `features and gradients are those of the reference`(name: String) throws {
    let golden = try Golden("feature-maps")
    let map = try #require(try Self.maps()[name])
    let key = try #require(Self.goldens[name])
    let tape = Tape()
    let x = tape.leaf(try golden["input"].reshaped([10, 16]))
    let weight = tape.leaf(try golden["weight"])
    let bias = tape.leaf(try golden[key == "relu" ? "head_bias" : "feature_bias"])
    let projected = tape.featureProjection(x, weight: weight, bias: bias, shape: Self.shape)
    let features = map.features(
      FeatureMapInput(
        projected, dim: 8, side: .queries, scale: 1, positions: (0..<10).map { Int32($0) }),
      on: tape)
    #expect(features.value.shape == [10, 2 * map.featureDim(of: 8)])
    #expect(relativeRMS(features.value.elements, try golden.expected("\(key).features")) < 1e-5)

    let upstream = try golden["\(key).upstream"].reshaped(features.value.shape)
    tape.backward(from: [(features, upstream)])
    for (argument, variable) in [("input", x), ("weight", weight), ("bias", bias)] {
      let gradient = try #require(variable.gradient).elements
      let error = relativeRMS(gradient, try golden.expected("\(key).gradient.\(argument)"))
      #expect(error < 1e-5, "\(argument)")
    }
  }
}

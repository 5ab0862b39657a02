import Documents
import Foundation
import Operations
import Students
import TensorCore
import TestSupport
import Testing

@Suite struct InitialValueTests {
  private func mixer(
    _ featureMap: JSONValue, window: JSONObject = ["mixer": "sliding-window"], layer: Int = 1,
    seed: UInt64 = 5
  ) throws -> any TokenMixer {
    var members = window
    members["featureMap"] = featureMap
    return try StudentCase(document: .object(members)).freshMixer(
      LayerGeometry(
        layer: layer, attention: StudentCase.geometry.attention,
        hiddenSize: StudentCase.geometry.hiddenSize),
      seed: seed)
  }

  private func values(_ mixer: any TokenMixer) -> [String: [Float]] {
    Dictionary(uniqueKeysWithValues: mixer.parameters.map { ($0.name, $0.value.elements) })
  }

  @Test(arguments: [4, 6, 9])
  func `the identity lets the leading coordinates pass`(projectionDim: Int) throws {
    let map: JSONValue = ["initialization": "identity", "projectionDim": .integer(projectionDim)]
    let weight = try #require(try mixer(map).parameters.first)
    #expect(weight.name == "feature_map_q.mlp.layer")
    #expect(weight.value.shape == [4, 6, projectionDim])
    var expected = [Float](repeating: 0, count: 4 * 6 * projectionDim)
    for head in 0..<4 {
      for index in 0..<min(6, projectionDim) {
        expected[(head * 6 + index) * projectionDim + index] = 1
      }
    }
    #expect(weight.value.elements == expected)
  }

  @Test func `with a skip connection the identity is a projection of zeros, and computes the same`()
    throws
  {
    let skipping = try mixer(["skipConnection": true])
    #expect(values(skipping)["feature_map_q.mlp.layer"] == [Float](repeating: 0, count: 144))
    let operands = MixerOperands(StudentCase.geometry.attention, rows: 90)
    let plain = try mixer([:]).output(operands).elements
    #expect(relativeRMS(skipping.output(operands).elements, plain.map(Double.init)) < 1e-6)
  }

  @Test(arguments: ["identity", "kaiming"])
  func `the key map starts as a copy of the query map, with a bias of its own`(
    initialization: String
  ) throws {
    let found = try mixer(["initialization": .string(initialization), "bias": true])
    #expect(
      found.parameters.map(\.name) == [
        "feature_map_q.mlp.layer", "feature_map_q.mlp.bias", "feature_map_k.mlp.layer",
        "feature_map_k.mlp.bias", "window_factors",
      ])
    let values = values(found)
    for part in ["layer", "bias"] {
      #expect(values["feature_map_q.mlp.\(part)"] == values["feature_map_k.mlp.\(part)"])
    }
    // Copies, not one tensor: training the one leaves the other.
    found.parameters[0].value = Tensor(zeros: found.parameters[0].value.shape)
    #expect(found.parameters[2].value.elements == values["feature_map_k.mlp.layer"])
  }

  @Test func `a tied map has one set of parameters, which both sides read`() throws {
    let tied = try mixer(["tied": true, "bias": true, "initialization": "kaiming"])
    #expect(
      tied.parameters.map(\.name) == [
        "feature_map_q.mlp.layer", "feature_map_q.mlp.bias", "window_factors",
      ])
    let free = try mixer(["tied": false, "bias": true, "initialization": "kaiming"])
    let operands = MixerOperands(StudentCase.geometry.attention, rows: 90)
    #expect(tied.output(operands).elements == free.output(operands).elements)
    for parameter in tied.parameters where parameter.name.hasPrefix("feature_map") {
      parameter.value = .init(repeating: 0.3, parameter.value.shape)
    }
    for parameter in free.parameters where parameter.name.hasPrefix("feature_map") {
      parameter.value = .init(repeating: 0.3, parameter.value.shape)
    }
    #expect(tied.output(operands).elements == free.output(operands).elements)
  }

  @Test
  func `Kaiming draws fill ±sqrt(6 / (headDim × projectionDim)) and, for biases, ±sqrt(6 / heads)`()
    throws
  {
    let map: JSONValue = ["initialization": "kaiming", "projectionDim": 200, "bias": true]
    let values = try values(mixer(map))
    let weight = try #require(values["feature_map_q.mlp.layer"])
    let bound = (6.0 / (6 * 200)).squareRoot()
    #expect(weight.allSatisfy { abs(Double($0)) <= bound })
    // 4800 uniform draws: the largest and the moments stand where a uniform's do.
    #expect(Double(weight.map(abs).max()!) > 0.995 * bound)
    let mean = weight.reduce(0) { $0 + Double($1) } / 4800
    let variance = weight.reduce(0) { $0 + Double($1 * $1) } / 4800
    #expect(abs(mean) < 0.05 * bound)
    #expect(abs(variance / (bound * bound / 3) - 1) < 0.05)

    let biases = try (0..<40).flatMap {
      try #require(self.values(mixer(map, layer: $0))["feature_map_q.mlp.bias"])
    }
    let biasBound = 1.5.squareRoot()
    #expect(biases.allSatisfy { abs(Double($0)) <= biasBound })
    #expect(Double(biases.map(abs).max()!) > 0.9 * biasBound)
  }

  @Test func `a bias of one number a coordinate starts at 0`() throws {
    let map: JSONValue = ["bias": true, "biasShape": "coordinate", "projectionDim": 5]
    let biases = try mixer(map).parameters.filter { $0.name.hasSuffix("bias") }
    #expect(biases.map(\.value.shape) == [[1, 4, 1, 5], [1, 4, 1, 5]])
    #expect(biases.allSatisfy { $0.value.elements.allSatisfy { $0 == 0 } })
  }

  @Test(arguments: StudentRegistry.featureMaps.map { $0.name })
  func `what is trained before a map unless the recipe says otherwise`(kind: String) throws {
    let found = try mixer(["kind": .string(kind)], window: ["mixer": "linear"]).parameters
    switch kind {
    case "performer", "cosformer", "taylor", "exp", "dpfp":
      #expect(found.isEmpty)
    case "t2r":
      #expect(
        found.map(\.name)
          == ["q", "k"].flatMap {
            ["feature_map_\($0).mlp.layer", "feature_map_\($0).mlp.bias"]
          })
      #expect(found[0].value.elements.contains { $0 != 0 && $0 != 1 })
      #expect(found[1].value.shape == [1, 4, 1, 6])
    default:
      #expect(found.map(\.name) == ["feature_map_q.mlp.layer", "feature_map_k.mlp.layer"])
      #expect(Set(found[0].value.elements) == [0, 1])
    }
    let none: JSONValue = ["kind": .string(kind), "projection": "none"]
    #expect(try mixer(none, window: ["mixer": "linear"]).parameters.isEmpty)
    #expect(try mixer(none).parameters.map(\.name) == ["window_factors"])
  }

  @Test func `without a projection a map computes what it does after an untouched identity`() throws
  {
    let operands = MixerOperands(StudentCase.geometry.attention, rows: 90)
    for kind in ["softmax", "relu", "taylor", "dpfp"] {
      let identity = try mixer([
        "kind": .string(kind), "projection": "learned", "initialization": "identity",
      ])
      let none = try mixer(["kind": .string(kind), "projection": "none"])
      let expected = identity.output(operands).elements.map(Double.init)
      #expect(relativeRMS(none.output(operands).elements, expected) < 1e-6, "\(kind)")
    }
  }

  @Test func `random features are a function of the seed and the layer`() throws {
    let operands = MixerOperands(StudentCase.geometry.attention, rows: 20)
    let output = { (layer: Int, seed: UInt64) in
      try self.mixer(
        ["kind": "performer"], window: ["mixer": "linear"], layer: layer, seed: seed
      ).output(operands).elements
    }
    #expect(try output(1, 5) == output(1, 5))
    #expect(try output(1, 5) != output(2, 5))
    #expect(try output(1, 5) != output(1, 6))
  }

  @Test func `initial values are a function of the seed and the layer`() throws {
    let map: JSONValue = ["initialization": "kaiming", "bias": true]
    let first = try values(mixer(map))
    #expect(try values(mixer(map)) == first)
    for other in [try mixer(map, layer: 2), try mixer(map, seed: 6)] {
      #expect(values(other)["feature_map_q.mlp.layer"] != first["feature_map_q.mlp.layer"])
      #expect(values(other)["feature_map_q.mlp.bias"] != first["feature_map_q.mlp.bias"])
    }
  }

  @Test(arguments: [nil, 0.7])
  func `γ starts at 0.1, or where the recipe says, one logit a head`(gamma: Double?) throws {
    for name in ["sliding-window", "terrace-window"] {
      var window: JSONObject = ["mixer": .string(name)]
      if let gamma { window["initialWindowFactor"] = .number(gamma) }
      let factors = try #require(try mixer([:], window: window).parameters.last)
      #expect(factors.name == "window_factors")
      #expect(factors.value.shape == [1, 4, 1, 1])
      #expect(factors.isTrainable)
      for logit in factors.value.elements {
        #expect(abs(1 / (1 + exp(-Double(logit))) - (gamma ?? 0.1)) < 1e-7)
      }
    }
  }

  @Test func `a window factor that is not trained has no gradient, everything else has`() throws {
    let window: JSONObject = ["mixer": "sliding-window", "trainWindowFactor": false]
    let frozen = try mixer([:], window: window)
    let operands = MixerOperands(StudentCase.geometry.attention, rows: 80)
    let upstream = [Double](repeating: 1, count: 80 * 24)
    let gradients = frozen.gradients(operands, upstream: upstream)
    #expect(frozen.parameters.filter { !$0.isTrainable }.map(\.name) == ["window_factors"])
    #expect(gradients["window_factors"] == nil)
    #expect(gradients["feature_map_q.mlp.layer"] != nil)
    #expect(gradients["feature_map_k.mlp.layer"] != nil)
  }

  @Test func `a mixer without a window has no window factor`() throws {
    let linear = try mixer([:], window: ["mixer": "linear"])
    #expect(
      linear.parameters.map(\.name) == ["feature_map_q.mlp.layer", "feature_map_k.mlp.layer"])
  }
}

import Documents
import Foundation
import TensorCore
import Testing
import Transformers

@Suite struct NewModelTests {
  @Test(arguments: TeacherGolden.all)
  func `a configuration alone gives the tensors that its checkpoint has`(golden: TeacherGolden)
    throws
  {
    let source = try golden.source()
    let model = try NewModel(source.configuration, location: golden.name)
    // Linear biases that a family may leave out are read where they are, and not made.
    #expect(
      Dictionary(uniqueKeysWithValues: model.tensorShapes.map { ($0.name, $0.shape) })
        == source.tensors.mapValues(\.shape))
    #expect(model.parameterCount == source.tensors.values.reduce(0) { $0 + $1.count })
    #expect(model.sketch.layers.count == model.configuration.layers)
    let decoder = try Decoder(
      configuration: source.configuration, tensors: model.initialTensors(seed: 1),
      location: golden.name)
    let logits = decoder.logits(try golden.tokens()[0]).elements
    #expect(logits.allSatisfy { $0.isFinite && abs($0) < 2 })
    #expect(logits.contains { $0 != 0 })
  }

  @Test func `matrices are normal with the configuration's deviation, norms 1, biases 0`() throws {
    let model = try NewModel(
      [
        "model_type": "gpt2", "n_embd": 128, "n_layer": 8, "n_head": 4, "n_positions": 64,
        "vocab_size": 300, "initializer_range": 0.05,
      ], location: "new")
    let tensors = model.initialTensors(seed: 7)
    for (name, tensor) in tensors {
      let values = tensor.widened().elements.map(Double.init)
      if tensor.shape.count == 1 {
        #expect(values.allSatisfy { $0 == (name.hasSuffix(".bias") ? 0 : 1) }, "\(name)")
        continue
      }
      // Radford et al. scale what ends in the residual stream, of which there are two a layer.
      let expected = name.hasSuffix("c_proj.weight") ? 0.05 / 4 : 0.05
      let mean = values.reduce(0, +) / Double(values.count)
      let variance = values.reduce(0) { $0 + $1 * $1 } / Double(values.count)
      let fourth = values.reduce(0) { $0 + pow($1 / expected, 4) } / Double(values.count)
      #expect(abs(mean) < 0.04 * expected, "\(name): \(mean)")
      #expect(abs(variance.squareRoot() / expected - 1) < 0.03, "\(name)")
      #expect(abs(fourth - 3) < 0.3, "\(name): kurtosis \(fourth)")
    }
  }

  @Test func `draws follow from the seed and the tensor's name, whatever else the model has`()
    throws
  {
    let configuration = { (layers: Int) -> JSONValue in
      [
        "model_type": "llama", "hidden_size": 16, "num_hidden_layers": .integer(layers),
        "num_attention_heads": 2, "intermediate_size": 24, "vocab_size": 40,
        "max_position_embeddings": 32,
      ]
    }
    let one = try NewModel(configuration(1), location: "new").initialTensors(seed: 3)
    let two = try NewModel(configuration(2), location: "new").initialTensors(seed: 3)
    let other = try NewModel(configuration(1), location: "new").initialTensors(seed: 4)
    let name = "model.layers.0.mlp.up_proj.weight"
    let values = try #require(one[name]).widened().elements
    #expect(values == two[name]?.widened().elements)
    #expect(values != other[name]?.widened().elements)
    #expect(
      two[name]?.widened().elements
        != two["model.layers.1.mlp.up_proj.weight"]?.widened().elements)
  }

  @Test func `everything wrong in a configuration is listed`() {
    let error = #expect(throws: ModelError.self) {
      try NewModel(
        ["model_type": "llama", "hidden_size": 32, "initializer_range": -1], location: "new")
    }
    #expect(
      error?.problems.map { $0.split(separator: " ")[1] } == [
        "num_hidden_layers", "num_attention_heads", "intermediate_size", "vocab_size",
        "max_position_embeddings", "initializer_range",
      ])
    #expect(
      throws: ModelError.self,
      performing: {
        try NewModel(["model_type": "mamba"], location: "new")
      })
  }
}

import Checkpoints
import Documents
import Operations
import TensorCore
import TestSupport
import Testing
import Transformers

/// What a checkpoint that does not fit is answered: every problem at once, none passed over.
@Suite struct LoadingErrorTests {
  /// The golden's checkpoint after a change, loaded.
  private func problems(
    _ name: String, _ change: (inout JSONObject, inout [String: StoredTensor]) -> Void
  ) throws -> [String] {
    let source = try TeacherGolden(name).source()
    var configuration = try #require(source.configuration.objectValue)
    var tensors = source.tensors
    change(&configuration, &tensors)
    do {
      _ = try Decoder(
        configuration: .object(configuration), tensors: tensors, location: "models/tiny")
      return []
    } catch let error as ModelError {
      #expect(error.location == "models/tiny")
      #expect(error.exitCode == .badData)
      return error.problems
    }
  }

  private func zeros(_ shape: Shape) -> StoredTensor { StoredTensor(Tensor(zeros: shape)) }

  @Test func `missing, unexpected and mis-shaped tensors are listed together`() throws {
    let found = try problems("llama") { _, tensors in
      tensors["model.layers.1.mlp.up_proj.weight"] = nil
      tensors["model.norm.weight"] = nil
      tensors["model.layers.0.self_attn.q_proj.weight"] = zeros([32, 31])
      tensors["model.layers.2.self_attn.q_proj.weight"] = zeros([32, 32])
      tensors["model.layers.0.self_attn.q_proj.weights"] = zeros([1])
    }
    let unused = "is not a tensor of this family; it would be silently unused"
    #expect(
      found == [
        "model.layers.0.self_attn.q_proj.weight has shape [32, 31], expected [32, 32]",
        "model.layers.1.mlp.up_proj.weight is missing, expected a tensor of [40, 32]",
        "model.norm.weight is missing, expected a tensor of [32]",
        "model.layers.0.self_attn.q_proj.weights of [1] \(unused)",
        "model.layers.2.self_attn.q_proj.weight of [32, 32] \(unused)",
      ])
  }

  @Test func `one problem is a line, several are a list below the checkpoint's name`() {
    #expect(
      ModelError(location: "models/tiny", problems: ["a is missing"]).description
        == "models/tiny: a is missing")
    #expect(
      ModelError(location: "models/tiny", problems: ["a is missing", "b is missing"]).description
        == """
        models/tiny: 2 problems
          - a is missing
          - b is missing
        """)
  }

  @Test(arguments: TeacherGolden.all)
  func `every tensor of every family is asked for, and none is without use`(golden: TeacherGolden)
    throws
  {
    let source = try golden.source()
    for name in source.tensors.keys.sorted() {
      let found = try problems(golden.name) { _, tensors in tensors[name] = nil }
      #expect(!found.isEmpty, "without \(name)")
      #expect(found.allSatisfy { $0.hasPrefix("\(name) is missing") }, "\(name): \(found)")
    }
  }

  @Test(arguments: TeacherGolden.all)
  func `a tensor of another shape is named with both shapes`(golden: TeacherGolden) throws {
    let source = try golden.source()
    for (name, tensor) in source.tensors {
      let wrong = Shape(tensor.shape.map { $0 + 1 })
      let found = try problems(golden.name) { _, tensors in tensors[name] = zeros(wrong) }
      #expect(found == ["\(name) has shape \(wrong), expected \(tensor.shape)"])
    }
  }

  @Test(arguments: [
    ("llama", "model.layers.0.self_attn.rotary_emb.inv_freq"),
    ("gpt2", "transformer.h.0.attn.bias"), ("gpt2", "transformer.h.1.attn.masked_bias"),
    ("gpt-neox-parallel", "gpt_neox.layers.0.attention.bias"),
    ("gpt-neox-parallel", "gpt_neox.layers.1.attention.masked_bias"),
    ("gpt-neox-parallel", "gpt_neox.layers.1.attention.rotary_emb.inv_freq"),
  ])
  func `masks and rotary tables that old versions saved are passed over`(
    name: String, tensor: String
  ) throws {
    #expect(try problems(name) { _, tensors in tensors[tensor] = zeros([3]) } == [])
  }

  @Test(arguments: ["llama-linear-tied", "gpt2"])
  func `a tied checkpoint may carry a copy of its head`(name: String) throws {
    #expect(try problems(name) { _, tensors in tensors["lm_head.weight"] = zeros([97, 32]) } == [])
    #expect(
      try problems(name) { _, tensors in tensors["lm_head.weight"] = zeros([96, 32]) } == [
        "lm_head.weight has shape [96, 32], expected [97, 32]"
      ])
  }

  @Test func `biases that the configuration promises must be there`() throws {
    let found = try problems("llama") { configuration, _ in
      configuration["attention_bias"] = true
      configuration["num_hidden_layers"] = 1
    }
    let missing = ["q_proj": 32, "k_proj": 16, "v_proj": 16, "o_proj": 32].map {
      "model.layers.0.self_attn.\($0).bias is missing, expected a tensor of [\($1)]"
    }
    #expect(Set(found.filter { $0.contains("missing") }) == Set(missing))
  }

  @Test func `GPT-2 loads without its prefix, and transposed as GGUF holds it`() throws {
    let golden = TeacherGolden("gpt2")
    let source = try golden.source()
    let tokens = try golden.tokens()[0]
    let expected = try golden.teacher().logits(tokens).elements
    let bare = Dictionary(
      uniqueKeysWithValues: source.tensors.map {
        (String($0.key.dropFirst("transformer.".count)), $0.value)
      })
    let unprefixed = try Decoder(
      configuration: source.configuration, tensors: bare, location: "bare")
    #expect(unprefixed.logits(tokens).elements == expected)

    var configuration = try #require(source.configuration.objectValue)
    configuration["linearize_conv1d_transposed"] = true
    let turned = source.tensors.mapValues { tensor -> StoredTensor in
      let isTable = tensor.shape == [97, 32] || tensor.shape == [64, 32]
      return tensor.shape.count == 2 && !isTable ? transposed(tensor) : tensor
    }
    let fromTransposed = try Decoder(
      configuration: .object(configuration), tensors: turned, location: "transposed")
    #expect(fromTransposed.logits(tokens).elements == expected)
  }

  private func transposed(_ tensor: StoredTensor) -> StoredTensor {
    let (rows, columns) = (tensor.shape[0], tensor.shape[1])
    let elements = tensor.widened().elements
    let turned = (0..<columns).flatMap { column in
      (0..<rows).map { elements[$0 * columns + column] }
    }
    return StoredTensor(Tensor(turned, [columns, rows]))
  }
}

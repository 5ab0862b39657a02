import Checkpoints
import Documents
import Operations
import TensorCore
import Testing

@testable import Transformers

/// Names of tensors as widely used checkpoints spell them.
@Suite struct CheckpointNamesTests {
  /// The golden's tensors under other names, and under those that are then read.
  private func read(
    _ golden: String, modelType: String, _ rename: (String) -> String
  ) throws -> (original: Set<String>, read: Set<String>) {
    let tensors = try TeacherGolden(golden).source().tensors
    let renamed = Dictionary(
      uniqueKeysWithValues: tensors.map { (rename($0.key), $0.value) })
    let canonical = try TeacherFamilies.canonical(
      renamed, modelType: modelType, location: "tiny")
    return (Set(tensors.keys), Set(canonical.keys))
  }

  @Test(arguments: [
    "", "module.", "_orig_mod.", "base_model.model.", "module._orig_mod.", "model.inner.",
  ])
  func `what wraps a model is left out of its tensors' names`(wrapper: String) throws {
    for (golden, type) in [
      ("llama", "llama"), ("gpt-neox-parallel", "gpt_neox"), ("gpt2", "gpt2"), ("bert", "bert"),
      ("qwen3", "qwen3"), ("phi3", "phi3"),
    ] {
      let (original, found) = try read(golden, modelType: type) { wrapper + $0 }
      #expect(found == original, "\(golden) in \(wrapper)")
    }
  }

  @Test func `a compiled layer is left out of names in their middle`() throws {
    let (original, found) = try read("llama", modelType: "llama") {
      $0.replacing("model.layers.1.", with: "model.layers.1._orig_mod.")
    }
    #expect(found == original)
  }

  @Test(arguments: ["", "module."])
  func `a base model's names get its prefix, its head none`(wrapper: String) throws {
    for (golden, type, prefix) in [
      ("llama", "llama", "model."), ("gpt-neox-parallel", "gpt_neox", "gpt_neox."),
    ] {
      let (original, found) = try read(golden, modelType: type) {
        wrapper + ($0.hasPrefix(prefix) ? String($0.dropFirst(prefix.count)) : $0)
      }
      #expect(found == original)
    }
  }

  @Test func `gamma and beta are weight and bias`() throws {
    let (original, found) = try read("bert-masked-lm", modelType: "bert") { name in
      name.contains("LayerNorm")
        ? name.replacing(".weight", with: ".gamma").replacing(".bias", with: ".beta") : name
    }
    #expect(found == original)
  }

  @Test func `two tensors of one name are refused`() throws {
    let norm = StoredTensor(Tensor([1], [1]))
    let error = #expect(throws: ModelError.self) {
      try TeacherFamilies.canonical(
        ["a.LayerNorm.gamma": norm, "a.LayerNorm.weight": norm], modelType: "bert",
        location: "tiny")
    }
    #expect(error?.description.contains("read as a.LayerNorm.weight, expected one") == true)
  }

  private func problems(_ rename: (String) -> String) throws -> String {
    let source = try TeacherGolden("llama").source()
    let tensors = Dictionary(
      uniqueKeysWithValues: source.tensors.map { (rename($0.key), $0.value) })
    let error = #expect(throws: ModelError.self) {
      try Decoder(configuration: source.configuration, tensors: tensors, location: "tiny")
    }
    return error?.description ?? ""
  }

  @Test func `one cause is one line`() throws {
    #expect(
      try problems { "thing.\($0)" } == """
        tiny: every name begins with "thing.": found thing.lm_head.weight, expected names such as \
        lm_head.weight
        """)
    #expect(
      try problems { $0.replacing("model", with: "x") }.hasPrefix("tiny: "))
    let adapter = try problems {
      $0.replacing("self_attn.q_proj.weight", with: "self_attn.q_proj.lora_A.weight")
    }
    #expect(adapter.contains("is part of a LoRA adapter, expected weights with the adapter merged"))
    #expect(!adapter.contains("\n"))
  }

  @Test func `a message has at most ten lines`() {
    for count in 1..<40 {
      let error = ModelError(location: "m", problems: (0..<count).map { "problem \($0)" })
      let lines = error.description.split(separator: "\n")
      #expect(lines.count == (count == 1 ? 1 : min(count + 1, 10)))
      #expect((lines.last?.contains("more") == true) == (count > 9))
    }
  }

  @Test(arguments: [true, false])
  func `a head of its own counts, whatever the configuration says of it`(isCopy: Bool) throws {
    let source = try TeacherGolden("llama-linear-tied").source()
    var tensors = source.tensors
    let embedding = try #require(tensors["model.embed_tokens.weight"]).widened()
    tensors["lm_head.weight"] = StoredTensor(
      isCopy ? embedding : affine(embedding, scale: 2, offset: 0))
    let decoder = try Decoder(
      configuration: source.configuration, tensors: tensors, location: "tiny")
    #expect(decoder.isHeadTied == isCopy)
    #expect(decoder.configuration.tiesHead == isCopy)
    let tied = try TeacherGolden("llama-linear-tied").teacher()
    let tokens = try TeacherGolden("llama-linear-tied").tokens()[0]
    let expected = tied.logits(tokens).elements.map { isCopy ? $0 : 2 * $0 }
    #expect(decoder.logits(tokens).elements == expected)
  }
}

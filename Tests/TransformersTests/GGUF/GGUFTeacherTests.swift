import Checkpoints
import Differentiation
import Documents
import Operations
import TensorCore
import TestSupport
import Testing
import Transformers

/// What is written for llama.cpp, read again; that llama.cpp computes the same is
/// `scripts/check-gguf`'s to prove.
@Suite struct GGUFTeacherTests {
  private func decoder(_ golden: TeacherGolden) throws -> Decoder {
    let source = try golden.source()
    return try Decoder(
      configuration: source.configuration, tensors: source.tensors, location: source.location)
  }

  private func document(_ model: GGUFModel) -> JSONValue {
    .object(
      JSONObject([("general.architecture", .string(model.architecture))] + model.metadata.members))
  }

  /// For which such a file has no place, and why: Gemma 2's scores are scaled by a number of their own.
  private static let refused = [
    "gemma2": "attention scores scaled by 0.57735026",
    "llama-dynamic-long": "a rotary base that grows with the text (rope_type dynamic)",
    "llama-dynamic-short": "a rotary base that grows with the text (rope_type dynamic)",
    "llama-longrope": "LongRoPE", "llama-yarn": "YaRN with beta_fast 4.0 and beta_slow 0.25",
    "llama-yarn-scales": "YaRN whose ramp ends between pairs",
  ]

  @Test(arguments: TeacherGolden.all.filter { refused[$0.name] == nil })
  func `A teacher written and read again has its logits`(golden: TeacherGolden) throws {
    let teacher = try decoder(golden)
    let model = TeacherFamilies.gguf(teacher)
    #expect(model.refusals.isEmpty, "\(model.refusals)")
    let (configuration, tensors) = try TeacherFamilies.translated(
      gguf: document(model),
      tensors: Dictionary(uniqueKeysWithValues: model.tensors.map { ($0.name, $0.make()) }),
      location: golden.name)
    let again = try Decoder(
      configuration: configuration, tensors: tensors, location: golden.name)
    let ids = try golden.tokens().flatMap { $0 }
    let layout = SequenceLayout(sequences: 2, length: 24)
    let expected = teacher.logits(ids, layout: layout).elements
    #expect(
      relativeRMS(again.logits(ids, layout: layout).elements, expected.map(Double.init)) < 1e-6)
  }

  @Test(arguments: TeacherGolden.withGGUF.filter { refused[$0.name] == nil })
  func `A teacher is written as llama.cpp's converter writes it`(golden: TeacherGolden) throws {
    let model = TeacherFamilies.gguf(try decoder(golden))
    let file = try golden.gguf()
    let names = Set(model.tensors.map(\.name))
    #expect(Set(file.tensors.keys).subtracting(names).isEmpty)
    #expect(names.subtracting(file.tensors.keys).isSubset(of: ["output.weight"]))
    for tensor in model.tensors {
      guard let expected = file.tensors[tensor.name] else { continue }
      #expect(tensor.shape == expected.shape, "\(tensor.name)")
      let found = tensor.make().widened().elements
      #expect(
        relativeRMS(found, expected.widened().elements.map(Double.init)) < 1e-6, "\(tensor.name)")
    }
    for (key, value) in model.metadata.members {
      // Windows end the context of an architecture that has none.
      guard let expected = file.metadata[key], !key.hasSuffix("context_length") else { continue }
      guard let number = expected.doubleValue else {
        #expect(value == expected, "\(key)")
        continue
      }
      #expect(abs(number - (value.doubleValue ?? .nan)) <= 1e-6 * abs(number), "\(key)")
    }
  }

  @Test func `A model that an architecture cannot carry is refused by name`() throws {
    for (name, found) in Self.refused {
      let model = TeacherFamilies.gguf(try decoder(TeacherGolden(name)))
      #expect(model.refusals.map(\.found) == [found], "\(name)")
    }
    let encoder = TeacherFamilies.gguf(try decoder(TeacherGolden("bert")))
    #expect(encoder.refusals.first?.found == "the family bert")
    #expect(encoder.refusals.first?.expected.contains("llama, mistral, qwen2") == true)
  }

  @Test func `Fused projections of one tensor stay views of it`() throws {
    let model = TeacherFamilies.gguf(try decoder(TeacherGolden("gpt-neox-parallel")))
    let fused = try #require(model.tensors.first { $0.name == "blk.0.attn_qkv.weight" })
    #expect(fused.make().rowOrder?.count == fused.shape[0])
  }
}

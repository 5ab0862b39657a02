import Documents
import Operations
import TensorCore
import Testing

@testable import Transformers

/// Scaling of rotary frequencies as GGUF files say it, read as llama.cpp reads it.
@Suite struct GGUFRopeTests {
  private func configuration(_ keys: JSONObject) throws -> JSONValue {
    var metadata: JSONObject = [
      "general.architecture": "qwen2", "qwen2.attention.head_count": 4, "qwen2.block_count": 1,
      "qwen2.embedding_length": 32, "qwen2.feed_forward_length": 48, "qwen2.context_length": 256,
      "qwen2.attention.layer_norm_rms_epsilon": 1e-5,
    ]
    for (key, value) in keys.members { metadata["qwen2.rope.\(key)"] = value }
    return try TeacherFamilies.translated(
      gguf: .object(metadata),
      tensors: ["token_embd.weight": StoredTensor(Tensor(zeros: [9, 32]))], location: "m.gguf"
    ).configuration
  }

  private func frequencies(_ keys: JSONObject) throws -> [Double] {
    let found = try TeacherFamilies.read(try configuration(keys), location: "m.gguf")
    guard case .rotary(let layers) = found.architecture.configuration.positions else { return [] }
    return layers[0]?.frequencies ?? []
  }

  @Test func `A factor without a type, in the newer key or the older one, divides all positions`()
    throws
  {
    let plain = try frequencies([:])
    for keys: JSONObject in [
      ["scale_linear": 4.0], ["scaling.factor": 4.0], ["scaling.factor": 4.0, "scale_linear": 9.0],
      ["scaling.factor": 4.0, "scaling.type": "linear"],
    ] {
      #expect(try frequencies(keys) == plain.map { $0 / 4 })
    }
    for keys: JSONObject in [
      ["scaling.factor": 0.0], ["scaling.factor": 4.0, "scaling.type": "none"],
      ["scaling.type": "linear"],
    ] {
      #expect(try frequencies(keys) == plain)
    }
  }

  @Test func `A type without its factor is refused, and one that is not known`() {
    for (keys, words) in [
      (["scaling.type": "yarn"] as JSONObject, "qwen2.rope.scaling.factor: found nothing"),
      (["scaling.type": "axial", "scaling.factor": 2.0], "rope_type \"axial\" is not supported"),
    ] {
      let error = #expect(throws: ModelError.self) { try frequencies(keys) }
      #expect(error?.description.contains(words) == true, "\(words)")
    }
  }

  @Test func `Amplitudes of YaRN are multiplied by the file's`() throws {
    let keys: JSONObject = [
      "scaling.type": "yarn", "scaling.factor": 4.0, "scaling.original_context_length": 64,
      "scaling.attn_factor": 2.0,
    ]
    let factor = try configuration(keys)["rope_scaling"]?["attention_factor"]?.doubleValue
    #expect(abs((factor ?? 0) - 2 * 1.138629436) < 1e-6)
  }
}

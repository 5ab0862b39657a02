import Documents
import TensorCore
import Testing

@testable import Checkpoints

struct GGUFSourceTests {
  @Test func `A GGUF file's metadata and tensors are handed out as the file has them`() throws {
    let model = try ModelSource.open(Goldens.path("gguf/llama.gguf"))
    #expect(model.format == .gguf)
    #expect(model.configuration == [:])
    #expect(model.metadata["general.architecture"] == "llama")
    #expect(Set(model.tensors.keys) == Set(model.descriptions.map(\.name)))
    #expect(model.tensors["blk.1.attn_q.weight"]?.elementType == .q8_0)
    let spelled = model.respelled(configuration: ["model_type": "llama"], tensors: [:])
    #expect(spelled.configuration["model_type"] == "llama" && spelled.tensors.isEmpty)
    #expect(try spelled.contentDigest() == model.contentDigest())
  }

  @Test func `The tokenizer's keys come with the model`() throws {
    let model = try ModelSource.open(Goldens.path("gguf/llama.gguf"))
    guard case .gguf(let metadata) = model.tokenizer else {
      Issue.record("\(String(describing: model.tokenizer))")
      return
    }
    #expect(metadata["tokenizer.ggml.tokens"] == ["a", "b", "é"])
    #expect(metadata["general.architecture"] == nil)
  }
}

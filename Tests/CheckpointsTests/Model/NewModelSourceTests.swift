import Documents
import TensorCore
import Testing

@testable import Checkpoints

struct NewModelSourceTests {
  @Test func `A model that no file holds brings its tensors and the tokenizer of a folder`() throws
  {
    let folder = try ModelFolder()
    try folder.text("tokenizer.json", #"{"model":{}}"#)
    let tensors = ["a": StoredTensor(Tensor([1, 2], [2]))]
    let make = { (configuration: JSONValue) in
      try ModelSource(
        new: "new", configuration: configuration, tensors: tensors, tokenizerFolder: folder.path)
    }
    let model = try make(["model_type": "llama"])
    #expect(model.format == .memory && model.location == "new")
    #expect(model.tensors["a"]?.widened().elements == [1, 2])
    #expect(model.descriptions.map(\.name) == ["a"])
    #expect(model.tokenizer != nil)
    let digest = try model.contentDigest()
    #expect(digest.count == 64)
    #expect(try make(["model_type": "llama"]).contentDigest() == digest)
    #expect(try make(["model_type": "gpt2"]).contentDigest() != digest)
    try folder.text("tokenizer.json", #"{"model":{"type":"BPE"}}"#)
    #expect(try make(["model_type": "llama"]).contentDigest() != digest)
    let bare = try ModelSource(
      new: "new", configuration: ["model_type": "llama"], tensors: tensors, tokenizerFolder: nil)
    #expect(bare.tokenizer == nil)
  }

  @Test func `A folder without a tokenizer is refused`() throws {
    let folder = try ModelFolder()
    let error = #expect(throws: CheckpointError.self) {
      try ModelSource(
        new: "new", configuration: [:], tensors: [:], tokenizerFolder: folder.path)
    }
    #expect(error?.exitCode == .missingInput)
    #expect(error?.description.contains("no tokenizer.json") == true)
  }
}

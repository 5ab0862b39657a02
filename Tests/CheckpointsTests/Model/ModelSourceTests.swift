import Documents
import Foundation
import TensorCore
import Testing

@testable import Checkpoints

struct ModelSourceTests {
  @Test func `A folder with one file gives its tensors, configuration and tokenizer`() throws {
    let folder = try ModelFolder()
    try folder.shard("model.safetensors", [("a", [1, 2]), ("b", [3])])
    try folder.text("tokenizer.json", #"{"model":{}}"#)
    try folder.text("tokenizer_config.json", #"{"chat_template":"old"}"#)
    let model = try ModelSource.open(folder.path)
    #expect(model.format == .safetensors)
    #expect(model.location == folder.path)
    #expect(model.configuration == ["model_type": "llama"])
    #expect(model.tensors.mapValues { $0.widened().elements } == ["a": [1, 2], "b": [3]])
    #expect(model.tokenizer?.chatTemplate == "old")
    try folder.text("chat_template.jinja", "new\n")
    #expect(try ModelSource.open(folder.path).tokenizer?.chatTemplate == "new\n")
    try folder.text(
      "tokenizer_config.json",
      #"{"chat_template":[{"name":"tool","template":"t"},{"name":"default","template":"d"}]}"#)
    try FileManager.default.removeItem(atPath: folder.folder.file("chat_template.jinja"))
    #expect(try ModelSource.open(folder.path).tokenizer?.chatTemplate == "d")
    let file = try ModelSource.open(folder.folder.file("model.safetensors"))
    #expect(file.tensors.count == 2)
    #expect(file.configuration == ["model_type": "llama"])
  }

  @Test func `Shards are gathered as their index says`() throws {
    let folder = try ModelFolder()
    try folder.shard("model-00001-of-00002.safetensors", [("a", [1]), ("b", [2])])
    try folder.shard("model-00002-of-00002.safetensors", [("c", [3])])
    try folder.index(
      #"{"a":"model-00001-of-00002.safetensors","b":"model-00001-of-00002.safetensors","c":"model-00002-of-00002.safetensors"}"#
    )
    let model = try ModelSource.open(folder.path)
    #expect(model.tensors.mapValues { $0.widened().elements } == ["a": [1], "b": [2], "c": [3]])
    #expect(model.descriptions.map(\.name) == ["a", "b", "c"])
    let error = try #require(throws: CheckpointError.self) {
      try ModelSource.open(folder.folder.file("model-00002-of-00002.safetensors"))
    }
    #expect(
      error.description.hasSuffix(
        "found one shard of several, expected the whole model; name its folder"))
  }

  @Test func `Everything in which an index and its shards disagree is listed`() throws {
    let folder = try ModelFolder()
    try folder.shard("1.safetensors", [("a", [1]), ("twice", [2]), ("unlisted", [3])])
    try folder.shard("2.safetensors", [("twice", [2]), ("moved", [4])])
    try folder.index(
      #"{"a":"1.safetensors","twice":"1.safetensors","moved":"1.safetensors","gone":"2.safetensors","lost":"3.safetensors","w":"2.safetensors"}"#
    )
    let error = try #require(throws: CheckpointError.self) { try ModelSource.open(folder.path) }
    #expect(error.exitCode == .badData)
    #expect(
      error.problems.map(\.description) == [
        "weight_map: found no file 3.safetensors in the folder, expected every shard",
        "tensor unlisted: found it in 1.safetensors only, expected it in the index",
        "tensor twice: found it in 1.safetensors and 2.safetensors, expected once",
        "tensor twice: found it in 2.safetensors, expected it in 1.safetensors",
        "tensor moved: found it in 2.safetensors, expected it in 1.safetensors",
        "tensor gone: found no such tensor, expected it in 2.safetensors",
        "tensor w: found no such tensor, expected it in 2.safetensors",
      ])
  }

  @Test(arguments: [
    #"{"a":"../x.safetensors"}"#, #"{"a":"/etc/passwd"}"#, #"{"a":"sub/x.safetensors"}"#,
    #"{"a":".."}"#, #"{"a":""}"#, #"{"a":"..\\x"}"#, #"{"a":1}"#, "{}", "[]", "null",
    #"{"a":"x","a":"y"}"#, #"{"a":"#,
  ])
  func `An index that leads out of its folder, or nowhere, is refused`(map: String) throws {
    let folder = try ModelFolder()
    try folder.index(map)
    let error = try #require(throws: CheckpointError.self) { try ModelSource.open(folder.path) }
    #expect(error.exitCode == .badData)
    #expect(error.file.hasSuffix("model.safetensors.index.json"))
  }

  @Test func `Masks of other types are left aside, weights of other types refused`() throws {
    let folder = try ModelFolder()
    let mask = #"{"h.0.attn.bias":{"dtype":"BOOL","shape":[4],"data_offsets":[0,4]}}"#
    try write(
      SafetensorsFileTests.file(mask, [1, 0, 1, 0]), to: folder.folder.file("model.safetensors"))
    let model = try ModelSource.open(folder.path)
    #expect(model.tensors.isEmpty)
    #expect(model.descriptions.map(\.type) == ["BOOL"])
    let weight = mask.replacing("bias", with: "weight")
    try write(
      SafetensorsFileTests.file(weight, [1, 0, 1, 0]), to: folder.folder.file("model.safetensors"))
    let error = try #require(throws: CheckpointError.self) { try ModelSource.open(folder.path) }
    #expect(
      error.description
        == "\(folder.path): tensor h.0.attn.weight: found elements of type BOOL, expected weights of type F32, F16 or BF16"
    )
  }

  @Test func `When nothing fits, the message names what was looked for`() throws {
    let folder = try ModelFolder()
    var error = try #require(throws: CheckpointError.self) { try ModelSource.open(folder.path) }
    #expect(
      error.description
        == "\(folder.path): found none of them, expected model.safetensors, model.safetensors.index.json or one .gguf file"
    )
    #expect(error.exitCode == .missingInput)
    try folder.text("pytorch_model.bin", "")
    error = try #require(throws: CheckpointError.self) { try ModelSource.open(folder.path) }
    #expect(error.description.contains("can run code when they are read"))
    error = try #require(throws: CheckpointError.self) {
      try ModelSource.open(folder.folder.file("config.json"))
    }
    #expect(error.description.contains("found a file of another kind"))
    error = try #require(throws: CheckpointError.self) {
      try ModelSource.open(folder.folder.file("none"))
    }
    #expect(error.exitCode == .missingInput)
    try folder.text("a.gguf", "")
    try folder.text("b.gguf", "")
    error = try #require(throws: CheckpointError.self) { try ModelSource.open(folder.path) }
    #expect(error.remedy == "name one of a.gguf, b.gguf")
  }

  @Test func `Weights without a configuration, or with one that is no JSON, are refused`() throws {
    let folder = try ModelFolder(configuration: nil)
    try folder.shard("model.safetensors", [("a", [1])])
    var error = try #require(throws: CheckpointError.self) { try ModelSource.open(folder.path) }
    #expect(
      error.description == "\(folder.path): found no config.json, expected it beside the weights")
    try folder.text("config.json", "{\"a\":1,\n\"a\":2}")
    error = try #require(throws: CheckpointError.self) { try ModelSource.open(folder.path) }
    #expect(
      error.description.contains(
        "config.json: line 2, column 1: found the key \"a\" is given twice"))
    try folder.text("config.json", "[]")
    error = try #require(throws: CheckpointError.self) { try ModelSource.open(folder.path) }
    #expect(error.exitCode == .badData)
  }

  @Test func `The digest of one file is the file's, that of shards does not depend on the folder`()
    throws
  {
    let folder = try ModelFolder()
    try folder.shard("model.safetensors", [("a", [1, 2])])
    let path = folder.folder.file("model.safetensors")
    #expect(try ModelSource.open(folder.path).contentDigest() == Digest.sha256(ofFile: path))
    let (first, second) = try (sharded(3), sharded(3))
    #expect(first == second)
    #expect(try sharded(4) != first)
  }

  private func sharded(_ value: Float) throws -> String {
    let folder = try ModelFolder()
    try folder.shard("1.safetensors", [("a", [1])])
    try folder.shard("2.safetensors", [("b", [value])])
    try folder.index(#"{"a":"1.safetensors","b":"2.safetensors"}"#)
    return try ModelSource.open(folder.path).contentDigest()
  }

  @Test func `A whole model in an HDF5 file is opened with its tokenizer`() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("model.h5")
    let file = try HDF5File.create(path)
    try file.attributes.set("configuration", to: #"{"model_type":"llama"}"#)
    try file.attributes.set("seed", to: 7)
    try file.write("model.norm.weight", Tensor([1, 2, 3], [3]))
    try file.write("lm_head.weight", Tensor([1, 2, 3, 4], [2, 2]), type: .bfloat16)
    try file.write("tokenizer.json", text: #"{"model":{}}"#)
    try file.write("chat_template.jinja", text: "t")
    try file.close()
    let model = try ModelSource.open(path)
    #expect(model.format == .hdf5)
    #expect(model.configuration == ["model_type": "llama"])
    #expect(model.metadata == ["seed": 7])
    #expect(
      model.tensors.mapValues { $0.widened().elements }
        == ["model.norm.weight": [1, 2, 3], "lm_head.weight": [1, 2, 3, 4]])
    #expect(model.tensors["lm_head.weight"]?.elementType == .bfloat16)
    #expect(model.tokenizer?.chatTemplate == "t")
    #expect(try model.contentDigest() == Digest.sha256(ofFile: path))
  }

  @Test func `An HDF5 file that holds no model says so`() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("model.h5")
    let file = try HDF5File.create(path)
    try file.write("x", Tensor([1], [1]))
    try file.close()
    let error = try #require(throws: CheckpointError.self) { try ModelSource.open(path) }
    #expect(error.description.contains("@configuration: found no such attribute"))
    #expect(error.exitCode == .badData)
  }

  @Test func `An adapter, and packed weights, are told in a line`() throws {
    let folder = try ModelFolder(configuration: nil)
    try folder.text("adapter_config.json", #"{"base_model_name_or_path": "org/base"}"#)
    try folder.shard("adapter_model.safetensors", [("a.lora_A.weight", [1])])
    for path in [folder.path, "\(folder.path)/adapter_model.safetensors"] {
      let error = #expect(throws: CheckpointError.self) { try ModelSource.open(path) }
      #expect(
        error?.description.contains("found a LoRA adapter of org/base, expected a model") == true)
      #expect(error?.description.contains("\n") == false)
    }
    let packed = try ModelFolder(
      configuration: #"{"model_type":"llama","quantization_config":{"quant_method":"gguf2"}}"#)
    try packed.shard("model.safetensors", [("a.weight", [1])])
    let error = #expect(throws: CheckpointError.self) { try ModelSource.open(packed.path) }
    #expect(
      error?.description.contains(#"quantization_config.quant_method: found "gguf2""#) == true)
  }

  @Test func `Special tokens of an older file count unless the configuration lists its tokens`()
    throws
  {
    let folder = try ModelFolder()
    try folder.shard("model.safetensors", [("a.weight", [1])])
    try folder.text("tokenizer.json", #"{"model":{}}"#)
    try folder.text(
      "special_tokens_map.json", #"{"eos_token":{"content":"</s>"},"bos_token":null}"#)
    func configuration() throws -> JSONValue? {
      guard case .huggingFace(_, let found, _) = try ModelSource.open(folder.path).tokenizer else {
        return nil
      }
      return found
    }
    #expect(try configuration() == ["eos_token": ["content": "</s>"]])
    try folder.text("tokenizer_config.json", #"{"eos_token":"x","bos_token":"b"}"#)
    #expect(try configuration() == ["eos_token": ["content": "</s>"], "bos_token": "b"])
    try folder.text("tokenizer_config.json", #"{"eos_token":"x","added_tokens_decoder":{}}"#)
    #expect(try configuration() == ["eos_token": "x", "added_tokens_decoder": [:]])
  }

  @Test func `Templates have names, in the configuration or in files`() throws {
    let folder = try ModelFolder()
    try folder.shard("model.safetensors", [("a.weight", [1])])
    try folder.text("tokenizer.json", #"{"model":{}}"#)
    try folder.text(
      "tokenizer_config.json",
      #"{"chat_template":[{"name":"tool_use","template":"t"},{"name":"default","template":"d"}]}"#)
    #expect(
      try ModelSource.open(folder.path).tokenizer?.chatTemplates
        == ChatTemplateTexts(standard: "d", named: ["tool_use": "t"]))
    try FileManager.default.createDirectory(
      atPath: "\(folder.path)/additional_chat_templates", withIntermediateDirectories: false)
    try folder.text("additional_chat_templates/rag.jinja", "r")
    try folder.text("chat_template.jinja", "f")
    #expect(
      try ModelSource.open(folder.path).tokenizer?.chatTemplates
        == ChatTemplateTexts(standard: "f", named: ["rag": "r"]))
  }
}

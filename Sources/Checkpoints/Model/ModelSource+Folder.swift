import Documents
import Foundation

// Folders as Hugging Face's libraries write them.
extension ModelSource {
  static func open(folder: String) throws -> ModelSource {
    let single = file(SafetensorsModel.singleName, in: folder)
    let index = file(SafetensorsModel.indexName, in: folder)
    if FileManager.default.fileExists(atPath: single) {
      return try open(SafetensorsModel(file: single), folder: folder, location: folder)
    }
    if FileManager.default.fileExists(atPath: index) {
      return try open(SafetensorsModel(index: index), folder: folder, location: folder)
    }
    let names = try contents(folder)
    let ggufs = names.filter { $0.hasSuffix(".gguf") }
    if let first = ggufs.first, GGUFShards.areOneModel(ggufs) {
      return try open(gguf: file(first, in: folder), location: folder)
    }
    if let adapter = try AdapterFolder(folder) { throw adapter.isNoModel }
    throw nothingFits(folder, names, ggufs)
  }

  private static func nothingFits(
    _ folder: String, _ names: [String], _ ggufs: [String]
  ) -> CheckpointError {
    let remedy: String?
    if ggufs.count > 1 {
      remedy = "name one of \(ggufs.joined(separator: ", "))"
    } else if names.contains(where: { $0.hasPrefix("pytorch_model") }) {
      remedy =
        "PyTorch's own files can run code when they are read; save the model again with safetensors"
    } else if let other = names.first(where: { $0.hasSuffix(".safetensors") }) {
      remedy = "name the file itself (\(other)), or rename it"
    } else {
      remedy = nil
    }
    return CheckpointError(
      folder, "", found: "none of them",
      expected:
        "\(SafetensorsModel.singleName), \(SafetensorsModel.indexName) or one .gguf file",
      remedy: remedy, exitCode: .missingInput)
  }

  /// One shard is not the model; its index says where the others are.
  static func refuseShard(_ path: String, folder: String) throws {
    let index = file(SafetensorsModel.indexName, in: folder)
    let name = FilePath.name(of: path)
    guard FileManager.default.fileExists(atPath: index),
      let members = try DocumentFile(index).read()["weight_map"]?.objectValue?.members,
      members.contains(where: { $0.value.stringValue == name })
    else { return }
    throw CheckpointError(
      path, "", found: "one shard of several", expected: "the whole model",
      remedy: "name its folder")
  }

  static func configuration(in folder: String) throws -> JSONValue {
    guard let document = try document("config.json", in: folder) else {
      throw CheckpointError(
        folder, "", found: "no config.json", expected: "it beside the weights",
        exitCode: .missingInput)
    }
    guard document.objectValue != nil else {
      throw CheckpointError(
        file("config.json", in: folder), "", found: document.kindDescription,
        expected: "an object")
    }
    return document
  }

  static func tokenizer(in folder: String) throws -> TokenizerSource? {
    guard let tokenizer = try document("tokenizer.json", in: folder) else { return nil }
    let configuration = TokenizerSource.configuration(
      try document("tokenizer_config.json", in: folder),
      specialTokens: try document("special_tokens_map.json", in: folder))
    return .huggingFace(
      tokenizerJSON: tokenizer, tokenizerConfig: configuration,
      chatTemplates: try templates(in: folder) ?? TokenizerSource.templates(in: configuration))
  }

  /// Templates in files of their own: `chat_template.jinja`, and others in a folder. nil where there
  /// are none.
  private static func templates(in folder: String) throws -> ChatTemplateTexts? {
    let first = try text("chat_template.jinja", in: folder)
    let other = "additional_chat_templates"
    var named: [String: String] = [:]
    if FilePath.isFolder(file(other, in: folder)) {
      for name in try contents(file(other, in: folder)) where name.hasSuffix(".jinja") {
        named[String(name.dropLast(6))] = try text("\(other)/\(name)", in: folder)
      }
    }
    if first == nil, named.isEmpty { return nil }
    return ChatTemplateTexts(standard: first, named: named)
  }

  /// `generation_config.json`: what ends a generated text, and how it is sampled.
  static func generation(in folder: String) throws -> JSONValue? {
    try document("generation_config.json", in: folder)
  }

  /// How texts are cut and what is put before them; one program writes the first under the name of
  /// each family.
  private static let sentenceFiles =
    ["bert", "roberta", "distilbert", "camembert", "albert", "xlm-roberta", "xlnet"].map {
      "sentence_\($0)_config.json"
    } + ["config_sentence_transformers.json"]

  /// `modules.json` and what it names; without it the folder of poolings by its usual name.
  static func sentenceModules(in folder: String) throws -> [String: JSONValue] {
    let list = "modules.json"
    var found: [String: JSONValue] = [:]
    var paths = ["1_Pooling"]
    for name in sentenceFiles {
      if let settings = try document(name, in: folder) { found[name] = settings }
    }
    if let modules = try document(list, in: folder) {
      found[list] = modules
      paths = (modules.arrayValue ?? []).compactMap { $0["path"]?.stringValue }
    }
    // A path out of the folder is none that sentence-transformers writes.
    for path in paths where !path.isEmpty && !path.contains("..") && !path.hasPrefix("/") {
      let name = "\(path)/config.json"
      if let configuration = try document(name, in: folder) { found[name] = configuration }
    }
    return found
  }

  // MARK: Files

  private static func file(_ name: String, in folder: String) -> String {
    folder.hasSuffix("/") ? folder + name : "\(folder)/\(name)"
  }

  private static func contents(_ folder: String) throws -> [String] {
    do {
      return try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
    } catch {
      throw CheckpointError(
        folder, "", found: "\(error.localizedDescription)", expected: "a readable folder",
        exitCode: .inputOutput)
    }
  }

  /// `nil` when there is no such file.
  private static func document(_ name: String, in folder: String) throws -> JSONValue? {
    let path = file(name, in: folder)
    guard FileManager.default.fileExists(atPath: path) else { return nil }
    let mapping = try MappedFile(path)
    // The bytes are only there as long as the mapping is.
    defer { withExtendedLifetime(mapping) {} }
    do {
      return try JSONValue(parsing: mapping.bytes)
    } catch {
      throw CheckpointError(
        path, "line \(error.line), column \(error.column)", found: error.reason,
        expected: "strict JSON")
    }
  }

  private static func text(_ name: String, in folder: String) throws -> String? {
    let path = file(name, in: folder)
    guard FileManager.default.fileExists(atPath: path) else { return nil }
    let mapping = try MappedFile(path)
    defer { withExtendedLifetime(mapping) {} }
    guard let text = String(validating: mapping.bytes, as: UTF8.self) else {
      throw CheckpointError(path, "", found: "bytes that are not UTF-8", expected: "UTF-8 text")
    }
    return text
  }
}

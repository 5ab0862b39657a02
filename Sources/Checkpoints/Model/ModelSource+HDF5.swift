import Documents
import Foundation
import TensorCore

// A whole model in one HDF5 file: datasets under Hugging Face's names.
extension ModelSource {
  /// Attribute of the file with the text of `config.json`.
  static let configurationAttribute = "configuration"
  /// Datasets of text that are no weights: the tokenizer's files.
  static let documentNames = ["tokenizer.json", "tokenizer_config.json", "chat_template.jinja"]

  /// Datasets lie in chunks, which cannot be mapped: the weights are read into memory.
  static func open(hdf5 path: String) throws -> ModelSource {
    let file = try HDF5File.open(path)
    guard let attribute = try file.attributes.value(configurationAttribute) else {
      throw CheckpointError(
        path, "@\(configurationAttribute)", found: "no such attribute",
        expected: "the text of config.json",
        remedy: "this file does not hold a whole model")
    }
    guard case .string(let text) = attribute else {
      throw CheckpointError(
        path, "@\(configurationAttribute)", found: "another kind of value",
        expected: "the text of config.json")
    }
    let configuration = try document(text, "@\(configurationAttribute)", path)
    var tensors: [String: StoredTensor] = [:]
    var descriptions: [TensorDescription] = []
    for name in try file.names where isWeight(name) {
      guard try file.isReadable(name) else { continue }
      let dataset = try file.dataset(name)
      descriptions.append(
        TensorDescription(
          name: name, type: dataset.type.rawValue, shape: dataset.shape, bytes: 0..<0, file: path))
      switch dataset.type {
      case .float32, .float16, .bfloat16: tensors[name] = try dataset.storedTensor()
      case .float64: tensors[name] = StoredTensor(try file.tensor(name))
      // Masks and counters: whole numbers are no weights.
      case .int32, .int64, .uint8: break
      }
    }
    return ModelSource(
      location: path, format: .hdf5, configuration: configuration, tensors: tensors,
      descriptions: descriptions, metadata: .object(try metadata(file)),
      tokenizer: try tokenizer(file), files: [try MappedFile(path)])
  }

  /// Whether a dataset can be one of a model's tensors, whose names have dots and lie in no group.
  /// Other programs keep losses, counters and texts in the same file.
  private static func isWeight(_ name: String) -> Bool {
    name.contains(".") && !name.contains("/") && !documentNames.contains(name)
  }

  private static func metadata(_ file: HDF5File) throws -> JSONObject {
    var metadata = JSONObject()
    for name in try file.attributes.names where name != configurationAttribute {
      // What other programs note beside a model may be of any kind; nothing here depends on it.
      let value: HDF5Attribute?
      do { value = try file.attributes.value(name) } catch is HDF5Error { continue }
      switch value {
      case .string(let text): metadata[name] = .string(text)
      case .integer(let number): metadata[name] = .integer(number)
      case .number(let number): metadata[name] = .number(number)
      case .integers(let numbers): metadata[name] = .array(numbers.map { .integer($0) })
      case nil: break
      }
    }
    return metadata
  }

  private static func tokenizer(_ file: HDF5File) throws -> TokenizerSource? {
    guard try file.has(documentNames[0]) else { return nil }
    let tokenizer = try document(try file.text(documentNames[0]), documentNames[0], file.path)
    var configuration: JSONValue?
    if try file.has(documentNames[1]) {
      configuration = try document(try file.text(documentNames[1]), documentNames[1], file.path)
    }
    let template = try file.has(documentNames[2]) ? try file.text(documentNames[2]) : nil
    return .huggingFace(
      tokenizerJSON: tokenizer, tokenizerConfig: configuration,
      chatTemplates: template.map { ChatTemplateTexts(standard: $0) }
        ?? TokenizerSource.templates(in: configuration))
  }

  private static func document(_ text: String, _ place: String, _ path: String) throws
    -> JSONValue
  {
    do {
      return try JSONValue(parsing: text)
    } catch {
      throw CheckpointError(
        path, "\(place), line \(error.line), column \(error.column)", found: error.reason,
        expected: "strict JSON")
    }
  }
}

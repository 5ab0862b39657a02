import Documents
import TensorCore

extension ModelSource {
  /// A model that no file holds yet, with the tokenizer of a folder.
  ///
  /// - Parameters:
  ///   - location: what messages call it.
  ///   - tokenizerFolder: holds `tokenizer.json`, and its configuration if it has one.
  /// - Throws: `CheckpointError` when the tokenizer cannot be read.
  public init(
    new location: String, configuration: JSONValue, tensors: [String: StoredTensor],
    tokenizerFolder: String?
  ) throws {
    let tokenizer = try tokenizerFolder.map { folder in
      guard let tokenizer = try Self.tokenizer(in: folder) else {
        throw CheckpointError(
          folder, "", found: "no tokenizer.json", expected: "it in the tokenizer's folder",
          exitCode: .missingInput)
      }
      return tokenizer
    }
    self.init(
      location: location, format: .memory, configuration: configuration, tensors: tensors,
      descriptions: tensors.sorted { $0.key < $1.key }.map {
        TensorDescription(
          name: $0.key, type: $0.value.elementType.rawValue, shape: $0.value.shape, bytes: 0..<0,
          file: location)
      }, metadata: .object(JSONObject()), tokenizer: tokenizer, files: [])
  }

  /// Of a model without files: over all that it is made of but its draws.
  var documentDigest: String {
    var text = configuration.compact
    if case .huggingFace(let tokenizer, let configuration, let templates) = tokenizer {
      text += [tokenizer.compact, configuration?.compact ?? "", templates.standard ?? ""].joined()
    }
    return Digest.sha256(of: text)
  }
}

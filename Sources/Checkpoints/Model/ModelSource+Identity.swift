import Documents

extension ModelSource {
  /// Whether the files of the weights are those that were opened, as far as their sizes, times and
  /// places tell. Where only a time differs, the weights themselves are asked.
  ///
  /// - Parameter digest: `contentDigest` of before; nil when it is not known: a file that was written is
  ///   then another one.
  /// - Throws: `CheckpointError` naming the first file that is another one, or is gone.
  public func requireUnchanged(digest: String?) throws {
    var touched: [MappedFile] = []
    for file in files {
      let change = try file.change()
      if change == .bytes || digest != nil && change != .none { touched.append(file) }
    }
    guard let first = touched.first else { return }
    guard let digest, try contentDigest() == digest else {
      throw first.isChanged("was written to while it was in use")
    }
    for file in touched { try file.noteIdentity() }
  }

  /// SHA-256 of what the files beside the weights say, by their names: what a model computes depends
  /// on them, and the digest of its weights does not. Empty where the weights' own file holds them.
  public var documentDigests: JSONObject {
    var digests = JSONObject()
    guard format == .safetensors else { return digests }
    let add = { (name: String, document: JSONValue?) in
      if let document { digests[name] = .string(Digest.sha256(of: document.compact)) }
    }
    add("config.json", Self.withoutNotes(configuration))
    if case .huggingFace(let tokenizer, let settings, let templates) = tokenizer {
      add("tokenizer.json", tokenizer)
      add("tokenizer_config.json", settings)
      add("chat_template.jinja", templates.standard.map { .string($0) })
      for (name, text) in templates.named.sorted(by: { $0.key < $1.key }) {
        add("chat template \(name)", .string(text))
      }
    }
    add("generation_config.json", generation)
    add("quantization_config", quantization)
    add("adapter_config.json", adapter)
    for (path, document) in sentenceModules.sorted(by: { $0.key < $1.key }) { add(path, document) }
    return digests
  }

  /// What only says who wrote a configuration is no part of the model.
  private static func withoutNotes(_ configuration: JSONValue) -> JSONValue {
    guard var object = configuration.objectValue else { return configuration }
    for key in ["transformers_version", "_name_or_path", "use_cache"] { object[key] = nil }
    return .object(object)
  }
}

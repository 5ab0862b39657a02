import Documents

extension ModelSource {
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

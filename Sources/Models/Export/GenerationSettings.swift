import Documents

/// The `generation_config.json` of an exported folder.
struct GenerationSettings {
  private let model: LoadedModel

  init(_ model: LoadedModel) { self.model = model }

  /// How to sample, where the teacher says nothing: which tokens begin and end a text.
  func write(to folder: String) throws {
    let file = DocumentFile("\(folder)/generation_config.json")
    if file.exists || model.decoder.configuration.isEncoder { return }
    var object = JSONObject()
    for (key, token) in [
      ("bos_token_id", model.tokenizer?.beginningOfText),
      ("eos_token_id", model.tokenizer?.endOfText),
    ] {
      object[key] = model.source.configuration[key] ?? token.map { .integer(Int($0)) }
    }
    object["pad_token_id"] = model.source.configuration["pad_token_id"]
    try file.replace(with: JSONValue.object(object).pretty)
  }
}

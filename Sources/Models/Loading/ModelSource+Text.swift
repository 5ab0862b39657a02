import Checkpoints
import Corpus
import Documents
import Transformers

// What a checkpoint's files say of texts, read.
extension ModelSource {
  /// The tokenizer; nil when the checkpoint carries none.
  ///
  /// - Throws: `TokenizerError`.
  func makeTokenizer() throws -> Tokenizer? {
    switch tokenizer {
    case .huggingFace(let document, let settings, _):
      var tokenizer = try Tokenizer(
        tokenizerJSON: document, configuration: settings, location: location)
      if !Self.namesEnds(settings) { tokenizer.setEnds(ends(of: tokenizer)) }
      return tokenizer
    case .gguf(let metadata): return try Tokenizer(ggufMetadata: metadata, location: location)
    case nil: return nil
    }
  }

  /// Whether tokenizer_config.json says which tokens begin and end a text, or that none does.
  private static func namesEnds(_ settings: JSONValue?) -> Bool {
    ["bos_token", "eos_token"].contains { settings?[$0] != nil }
  }

  /// The tokens that begin and end a text where the tokenizer's files name none, as in the first
  /// checkpoints of GPT-2: those of the model's configuration, or the family's by its spelling.
  private func ends(of tokenizer: Tokenizer) -> (beginning: Int32?, end: Int32?) {
    let id = { (key: String) -> Int32? in
      let value = configuration[key]
      let first = value?.arrayValue?.first ?? value
      guard let id = first?.intValue.flatMap(Int32.init(exactly:)), id >= 0 else { return nil }
      return tokenizer.token(of: id) == nil ? nil : id
    }
    let spelled =
      ["gpt2", "gpt_neox"].contains(configuration["model_type"]?.stringValue)
      ? tokenizer.id(of: "<|endoftext|>") : nil
    return (id("bos_token_id") ?? spelled, id("eos_token_id") ?? spelled)
  }

  /// How the model spells conversations; nil without a template or a tokenizer.
  ///
  /// - Throws: `ChatTemplateError`.
  func chatFormat(_ tokenizer: Tokenizer?) throws -> ChatFormat? {
    guard let tokenizer, let source = self.tokenizer else { return nil }
    let texts = source.chatTemplates
    guard let text = texts.standard ?? texts.named["tool_use"] else { return nil }
    var format = ChatFormat(
      template: try ChatTemplate(text, location: location),
      beginningOfText: tokenizer.beginningOfText.flatMap(tokenizer.token) ?? "",
      endOfText: tokenizer.endOfText.flatMap(tokenizer.token) ?? "")
    format.toolTemplate = try texts.named["tool_use"].map {
      try ChatTemplate($0, location: location)
    }
    return format
  }

  /// What was read otherwise than a user might think.
  var notes: [String] { [splitNote, keysNote].compactMap { $0 } }

  private var splitNote: String? {
    guard case .gguf(let metadata) = tokenizer,
      metadata["tokenizer.ggml.model"]?.stringValue == "gpt2",
      metadata["tokenizer.ggml.pre"] == nil || metadata["tokenizer.ggml.pre"] == "default"
    else { return nil }
    return
      "the file does not say how its tokenizer splits texts (tokenizer.ggml.pre); they are split as "
      + "llama.cpp does then, which may not be how the model was trained"
  }

  private var keysNote: String? {
    let keys = TeacherFamilies.unreadKeys(configuration)
    if keys.isEmpty { return nil }
    var named = keys.prefix(10).map { String($0.prefix(60)) }.joined(separator: ", ")
    if keys.count > 10 { named += " and \(keys.count - 10) more" }
    return
      "config.json has keys that nothing here reads: \(named); if the model depends on one of them, what "
      + "is computed here is another model"
  }

  /// Ids after which no more text is generated: those of generation_config.json, or else of the
  /// model's configuration.
  var endOfTextIDs: [Int32] {
    let value = [generation, configuration].compactMap { $0?["eos_token_id"] }.first { !$0.isNull }
    return (value?.arrayValue ?? [value].compactMap { $0 }).compactMap {
      $0.intValue.flatMap(Int32.init(exactly:))
    }
  }
}

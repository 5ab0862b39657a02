import Checkpoints
import Corpus
import Documents

/// What a GGUF file says of its tokenizer: the metadata of a teacher that came as GGUF, word for word,
/// or what a `tokenizer.json` and its configuration become.
struct GGUFTokenizer {
  private(set) var metadata = JSONObject()
  private(set) var refusals: [(found: String, expected: String)] = []

  private static let prefix = "tokenizer.ggml."

  /// `tokenizer.ggml.token_type`.
  private enum TokenType: Int {
    case normal = 1
    case unknown, control, userDefined, unused, byte
  }

  private init() {}

  /// - Throws: `ModelError` when the tokenizer cannot be read.
  init(_ model: LoadedModel) throws {
    switch model.source.tokenizer {
    case .gguf(let document):
      self.init()
      metadata = JSONObject(
        (document.objectValue?.members ?? []).filter { $0.key.hasPrefix("tokenizer.") })
    case .huggingFace(let document, let configuration, let templates):
      self.init(
        try model.requireTokenizer(), document, configuration: configuration,
        template: templates.standard,
        model: model.source.configuration, rows: model.decoder.configuration.vocabularySize)
    case nil:
      // Tokens by their numbers alone.
      self.init()
      set("model", "none")
    }
  }

  /// - Parameters:
  ///   - document: `tokenizer.json`.
  ///   - configuration: `tokenizer_config.json`.
  ///   - template: of conversations.
  ///   - model: the model's `config.json`.
  ///   - rows: of its embeddings.
  init(
    _ tokenizer: Tokenizer, _ document: JSONValue, configuration: JSONValue?, template: String?,
    model: JSONValue, rows: Int
  ) {
    guard let kind = tokenizer.llamaCppKind else {
      refusals.append(
        (
          "a tokenizer that llama.cpp has no code for",
          "byte-level BPE that splits as GPT-2, SmolLM, Llama 3 or Qwen 2 do, or SentencePiece's BPE"
        ))
      return
    }
    guard tokenizer.vocabularySize <= rows else {
      refusals.append(
        (
          "\(tokenizer.vocabularySize) tokens for \(rows) rows of embeddings",
          "a row for every token"
        ))
      return
    }
    switch kind {
    case .byteLevel(let name):
      set("model", "gpt2")
      set("pre", .string(name))
    case .sentencePiece(let addsPrefix):
      set("model", "llama")
      set("pre", "default")
      set("add_space_prefix", .bool(addsPrefix))
    }
    describeTokens(document, configuration, rows: rows, isByteLevel: kind.isByteLevel)
    describeEnds(tokenizer, configuration, model: model)
    if let unknown = document["model"]?["unk_token"]?.stringValue,
      let id = tokenizer.id(of: unknown)
    {
      set("unknown_token_id", .integer(Int(id)))
    }
    if let template { metadata["tokenizer.chat_template"] = .string(template) }
  }

  private mutating func set(_ key: String, _ value: JSONValue) {
    metadata[Self.prefix + key] = value
  }

  // MARK: Vocabulary

  private mutating func describeTokens(
    _ document: JSONValue, _ configuration: JSONValue?, rows: Int, isByteLevel: Bool
  ) {
    // Embeddings often have more rows than there are tokens.
    var tokens = (0..<rows).map { "[PAD\($0)]" }
    var types = [TokenType](repeating: .unused, count: rows)
    let unknown = document["model"]?["unk_token"]?.stringValue
    for (text, value) in document["model"]?["vocab"]?.objectValue?.members ?? [] {
      guard let id = value.intValue, tokens.indices.contains(id) else { continue }
      tokens[id] = text
      let isByte = !isByteLevel && text.utf8.count == 6 && text.hasPrefix("<0x")
      types[id] = isByte ? .byte : text == unknown ? .unknown : .normal
    }
    for token in Self.added(document, configuration) where tokens.indices.contains(token.id) {
      tokens[token.id] = token.text
      if types[token.id] == .unknown { continue }
      types[token.id] = token.isSpecial ? .control : .userDefined
    }
    set("tokens", .array(tokens.map { .string($0) }))
    if !isByteLevel { describeScores(document, tokens) }
    set("token_type", .array(types.map { .integer($0.rawValue) }))
    if isByteLevel {
      set("merges", .array(Self.merges(document).map { .string("\($0.left) \($0.right)") }))
    }
  }

  /// Tokens beside the model's: of the file, and of its configuration.
  private static func added(
    _ document: JSONValue, _ configuration: JSONValue?
  ) -> [(id: Int, text: String, isSpecial: Bool)] {
    let ofFile = (document["added_tokens"]?.arrayValue ?? []).map { ($0["id"]?.intValue, $0) }
    let named = Set(ofFile.compactMap { $0.0 })
    let ofConfiguration = (configuration?["added_tokens_decoder"]?.objectValue?.members ?? []).map {
      (Int($0.key), $0.value)
    }.filter { $0.0.map { !named.contains($0) } ?? false }
    return (ofFile + ofConfiguration).compactMap { id, token in
      guard let id, let text = token["content"]?.stringValue else { return nil }
      return (id, text, token["special"]?.boolValue ?? false)
    }
  }

  private static func merges(_ document: JSONValue) -> [(left: String, right: String)] {
    (document["model"]?["merges"]?.arrayValue ?? []).compactMap { merge in
      if let pair = merge.arrayValue, pair.count == 2, let left = pair[0].stringValue,
        let right = pair[1].stringValue
      {
        return (left, right)
      }
      let parts = merge.stringValue?.split(separator: " ", omittingEmptySubsequences: false) ?? []
      return parts.count == 2 ? (String(parts[0]), String(parts[1])) : nil
    }
  }

  /// SentencePiece merges towards the token of the highest score; the sooner a merge makes a token, the
  /// higher it is.
  private mutating func describeScores(_ document: JSONValue, _ tokens: [String]) {
    let merges = Self.merges(document)
    var ranks: [String: Int] = [:]
    for (rank, merge) in merges.enumerated() where ranks[merge.left + merge.right] == nil {
      ranks[merge.left + merge.right] = rank
    }
    set(
      "scores",
      .array(tokens.map { .number(-Double(ranks[$0] ?? merges.count)) }))
  }

  // MARK: Ends of a text

  private mutating func describeEnds(
    _ tokenizer: Tokenizer, _ configuration: JSONValue?, model: JSONValue
  ) {
    let ids = tokenizer.encode("a", addSpecialTokens: true)
    let plain = tokenizer.encode("a", addSpecialTokens: false)
    let (before, after) = Self.around(ids, plain)
    if before.count > 1 || after.count > 1 {
      refusals.append(
        ("\(before.count) tokens before and \(after.count) after a text", "one at most"))
      return
    }
    let first = { (key: String) -> Int? in
      model[key]?.intValue ?? model[key]?.arrayValue?.first?.intValue
    }
    let beginning =
      before.first ?? tokenizer.beginningOfText.map(Int.init) ?? first("bos_token_id")
    let end = after.first ?? tokenizer.endOfText.map(Int.init) ?? first("eos_token_id")
    if let beginning { set("bos_token_id", .integer(beginning)) }
    if let end { set("eos_token_id", .integer(end)) }
    let padding = configuration?["pad_token"]
    let spelling = padding?.stringValue ?? padding?["content"]?.stringValue
    if let id = spelling.flatMap(tokenizer.id(of:)).map(Int.init) ?? first("pad_token_id") {
      set("padding_token_id", .integer(id))
    }
    set("add_bos_token", .bool(!before.isEmpty))
    set("add_eos_token", .bool(!after.isEmpty))
  }

  /// What stands around `plain` in `ids`.
  private static func around(_ ids: [Int32], _ plain: [Int32]) -> (before: [Int], after: [Int]) {
    let extra = ids.count - plain.count
    let start = (0...max(0, extra)).first { Array(ids.dropFirst($0).prefix(plain.count)) == plain }
    return (
      ids.prefix(start ?? 0).map(Int.init), ids.dropFirst((start ?? 0) + plain.count).map(Int.init)
    )
  }
}

extension Tokenizer.LlamaCppKind {
  fileprivate var isByteLevel: Bool {
    if case .byteLevel = self { return true }
    return false
  }
}

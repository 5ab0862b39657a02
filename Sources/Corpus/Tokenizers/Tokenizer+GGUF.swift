import Documents

extension Tokenizer {
  /// Reads the tokenizer that a GGUF file carries in its metadata.
  ///
  /// The pre-tokeniser is known by its name only; the pipeline is that of the family's
  /// `tokenizer.json`.
  ///
  /// - Parameters:
  ///   - ggufMetadata: an object with the `tokenizer.ggml.` keys.
  ///   - location: the file as the user named it, for messages.
  /// - Throws: `TokenizerError` for anything that is malformed or not supported.
  public init(ggufMetadata: JSONValue, location: String) throws {
    let metadata = try GGUFTokenizerMetadata(ggufMetadata, location: location)
    let kind = try metadata.component.string(GGUFTokenizerMetadata.prefix + "model")
    switch kind {
    case "gpt2": self.init(try metadata.byteLevelParts())
    case "llama": self.init(try metadata.sentencePieceParts())
    default:
      throw metadata.component.failure(
        GGUFTokenizerMetadata.prefix + "model",
        "the tokenizer model \"\(kind)\" is not supported; supported are gpt2, llama")
    }
  }
}

private struct GGUFTokenizerMetadata {
  static let prefix = "tokenizer.ggml."

  /// `tokenizer.ggml.token_type`.
  private enum TokenType: Int {
    case normal = 1
    case unknown, control, userDefined, unused, byte
  }

  let component: TokenizerComponent
  private let vocabulary: ByteStringTable
  private let types: [TokenType]

  init(_ metadata: JSONValue, location: String) throws {
    component = try TokenizerComponent(metadata, path: "metadata", location: location)
    let tokens = try component.array(Self.prefix + "tokens")
    var vocabulary = ByteStringTable(capacity: tokens.count)
    for (id, token) in tokens.enumerated() {
      guard let spelling = token.stringValue else {
        throw component.failure(
          "\(Self.prefix)tokens[\(id)]", "found \(token.kindDescription), expected a string")
      }
      // Converters pad with repeated names; the first one is meant.
      _ = vocabulary.insert(spelling.utf8, id: Int32(id))
    }
    self.vocabulary = vocabulary
    let key = Self.prefix + "token_type"
    guard component.value(key) != nil else {
      types = Array(repeating: .normal, count: tokens.count)
      return
    }
    let values = try component.array(key)
    guard values.count == tokens.count else {
      throw component.failure(
        key, "found \(values.count) elements, expected one for each of the \(tokens.count) tokens")
    }
    types = try values.enumerated().map { [component] id, value in
      guard let type = value.intValue.flatMap(TokenType.init) else {
        throw component.failure(
          "\(key)[\(id)]", "found \(value.kindDescription), expected an integer from 1 to 6")
      }
      return type
    }
  }

  // MARK: Byte-level

  func byteLevelParts() throws -> Tokenizer.Parts {
    let name = try component.optionalString(Self.prefix + "pre")
    guard let known = GGUFPreTokenizer(name) else {
      throw component.failure(
        Self.prefix + "pre",
        "the pre-tokeniser \"\(name ?? "")\" is not supported; supported are "
          + GGUFPreTokenizer.names.joined(separator: ", "))
    }
    let key = Self.prefix + "merges"
    let merges = try MergeTable(
      spelled: try component.array(key), prefixLength: 0, vocabulary: vocabulary
    ) { [component] index, reason in component.failure("\(key)[\(index)]", reason) }
    var options = BytePairModel.Options()
    options.ignoreMerges = known.ignoresMerges
    let part = { (document: JSONValue) in
      try TokenizerComponent(document, path: "metadata", location: component.location)
    }
    var parts = Tokenizer.Parts(
      normalizer: known.normalizer.isNull ? nil : try Normalizer(part(known.normalizer)),
      preTokenizer: try PreTokenizer(part(known.document)),
      model: .bytePair(
        BytePairModel(vocabulary: vocabulary, merges: merges, options: options)),
      decoder: .byteLevel)
    try addSpecialTokens(to: &parts, addsBeginning: known.addsBeginning)
    return parts
  }

  // MARK: SentencePiece

  func sentencePieceParts() throws -> Tokenizer.Parts {
    let addsPrefix = try component.boolean(Self.prefix + "add_space_prefix", default: true)
    var options = BytePairModel.Options()
    options.byteFallback = true
    options.fuseUnknown = true
    if let id = try tokenID("unknown_token_id") {
      options.unknown = id
    } else if let index = types.firstIndex(of: .unknown) {
      options.unknown = Int32(index)
    }
    let space = Array("▁".utf8)
    let replace = Normalizer.replace(pattern: [UInt8(ascii: " ")], content: space)
    var decoders: [TokenDecoder] = [
      .replace(pattern: space, content: [UInt8(ascii: " ")]), .byteFallback, .fuse,
    ]
    if addsPrefix { decoders.append(.strip(content: " ", start: 1, stop: 0)) }
    var parts = Tokenizer.Parts(
      normalizer: addsPrefix ? .sequence([.prepend(space), replace]) : replace,
      model: .bytePair(
        BytePairModel(
          vocabulary: vocabulary, merges: try mergesByScore(), options: options)),
      decoder: .sequence(decoders))
    try addSpecialTokens(to: &parts, addsBeginning: true)
    return parts
  }

  /// SentencePiece merges any two neighbours that make a token, that of the highest score first:
  /// every way to halve a token is a pair, ranked by the token's score.
  private func mergesByScore() throws -> MergeTable {
    let key = Self.prefix + "scores"
    let values = try component.array(key)
    guard values.count == types.count else {
      throw component.failure(
        key, "found \(values.count) elements, expected one for each of the \(types.count) tokens")
    }
    let scores = try values.enumerated().map { id, value in
      guard let score = value.doubleValue else {
        throw component.failure(
          "\(key)[\(id)]", "found \(value.kindDescription), expected a number")
      }
      return score
    }
    let ordered = Set(scores).sorted(by: >)
    let ranks = Dictionary(
      uniqueKeysWithValues: ordered.enumerated().map { ($1, UInt32($0)) })
    var pairs: [(left: Int32, right: Int32, rank: UInt32, id: Int32)] = []
    for id in types.indices where types[id] == .normal || types[id] == .userDefined {
      guard let token = vocabulary[Int32(id)], let rank = ranks[scores[id]] else { continue }
      for split in token.indices.dropFirst() where token[split] & 0xC0 != 0x80 {
        guard let left = vocabulary.find(Array(token[..<split])),
          let right = vocabulary.find(Array(token[split...])),
          isText(left), isText(right)
        else { continue }
        pairs.append((left, right, rank, Int32(id)))
      }
    }
    var table = MergeTable(capacity: pairs.count)
    for pair in pairs { table.insert(pair.left, pair.right, rank: pair.rank, id: pair.id) }
    return table
  }

  private func isText(_ id: Int32) -> Bool {
    types[Int(id)] == .normal || types[Int(id)] == .userDefined
  }

  // MARK: Special tokens

  private func addSpecialTokens(to parts: inout Tokenizer.Parts, addsBeginning: Bool) throws {
    for (id, type) in types.enumerated() {
      guard type == .control || type == .unknown || type == .userDefined,
        let content = vocabulary[Int32(id)]
      else { continue }
      parts.addedTokens.append(
        AddedToken(id: Int32(id), content: content, isSpecial: type != .userDefined))
    }
    let beginning = try tokenID("bos_token_id")
    let end = try tokenID("eos_token_id")
    parts.beginningOfText = beginning.flatMap { vocabulary[$0] }
    parts.endOfText = end.flatMap { vocabulary[$0] }
    let addsBeginning = try component.boolean(
      Self.prefix + "add_bos_token", default: addsBeginning)
    let addsEnd = try component.boolean(Self.prefix + "add_eos_token", default: false)
    if addsBeginning, beginning == nil {
      throw component.failure(
        Self.prefix + "bos_token_id", "is missing, but add_bos_token asks for the token")
    }
    if addsEnd, end == nil {
      throw component.failure(
        Self.prefix + "eos_token_id", "is missing, but add_eos_token asks for the token")
    }
    parts.postProcessor = PostProcessor(
      before: addsBeginning ? [beginning!] : [], after: addsEnd ? [end!] : [])
  }

  private func tokenID(_ name: String) throws -> Int32? {
    let key = Self.prefix + name
    guard component.value(key) != nil else { return nil }
    let id = Int32(try component.integer(key, in: 0...Int(Int32.max) - 1))
    guard vocabulary[id] != nil else {
      throw component.failure(
        key, "found \(id), but the vocabulary has \(types.count) tokens")
    }
    return id
  }
}

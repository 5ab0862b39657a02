import Documents

extension Tokenizer {
  /// Reads a `tokenizer.json` of the `tokenizers` package.
  ///
  /// - Parameters:
  ///   - configuration: `tokenizer_config.json`, which names the tokens at the ends of a text.
  ///   - location: the file as the user named it, for messages.
  /// - Throws: `TokenizerError` for anything that is malformed or not supported.
  public init(tokenizerJSON: JSONValue, configuration: JSONValue?, location: String) throws {
    let root = try TokenizerComponent(tokenizerJSON, path: "$", location: location)
    guard let modelComponent = try root.component("model") else {
      throw root.failure("model", "is missing; expected a BPE or WordPiece model")
    }
    let model = try WordModel(modelComponent)
    let preTokenizer = try root.component("pre_tokenizer").map(PreTokenizer.init)
    if let unknown = modelComponent.value("unk_token")?.stringValue,
      model.vocabulary.find(Array(unknown.utf8)) == nil, preTokenizer?.spellsBytes != true,
      try !modelComponent.boolean("byte_fallback", default: false)
    {
      throw modelComponent.failure("unk_token", "\"\(unknown)\" is not in the vocabulary")
    }
    var parts = Parts(
      normalizer: try root.component("normalizer").map(Normalizer.init),
      preTokenizer: preTokenizer,
      model: model,
      postProcessor: try root.component("post_processor").map { try PostProcessor($0) }
        ?? PostProcessor(),
      decoder: try root.component("decoder").map(TokenDecoder.init))
    let rewriting = (parts.normalizer?.rewriting ?? []) + (preTokenizer?.rewriting ?? [])
    try TextGrowth.check(rewriting, root, parts.normalizer == nil ? "pre_tokenizer" : "normalizer")
    try TextGrowth.check(parts.decoder?.rewriting ?? [], root, "decoder")
    if root.value("added_tokens") != nil {
      for component in try root.components("added_tokens") {
        parts.addedTokens.append(try Self.addedToken(component, in: model))
      }
    }
    if let configuration, !configuration.isNull {
      try parts.read(
        TokenizerComponent(configuration, path: "tokenizer_config", location: location))
    }
    self.init(parts)
  }

  /// An added token; one that the model has too keeps the model's id.
  private static func addedToken(_ component: TokenizerComponent, in model: WordModel) throws
    -> AddedToken
  {
    let id = Int32(try component.integer("id", in: TokenizerComponent.ids))
    var token = try AddedToken(component, id: id)
    if let modelID = model.vocabulary.find(token.content) { token.id = modelID }
    return token
  }
}

extension Tokenizer.Parts {
  fileprivate mutating func read(_ configuration: TokenizerComponent) throws {
    beginningOfText = try Self.tokenContent(configuration, "bos_token")
    endOfText = try Self.tokenContent(configuration, "eos_token")
    if let added = try configuration.component("added_tokens_decoder") {
      var knownIDs = Set(addedTokens.map(\.id))
      var knownContents = Set(addedTokens.map(\.content))
      for key in added.object.keys {
        guard let component = try added.component(key) else { continue }
        guard let id = Int32(key), TokenizerComponent.ids.contains(Int(id)) else {
          throw added.failure(
            key, "expected a token id as key, from 0 to \(TokenizerComponent.ids.upperBound)")
        }
        let token = try AddedToken(component, id: id)
        if knownIDs.contains(id) || knownContents.contains(token.content) { continue }
        addedTokens.append(token)
        knownIDs.insert(id)
        knownContents.insert(token.content)
      }
    }
    try overridePostProcessor(configuration)
  }

  /// The Llama classes of transformers rebuild the post-processor from two switches of the
  /// configuration; all others use the file's.
  private mutating func overridePostProcessor(_ configuration: TokenizerComponent) throws {
    let llamaClasses = [
      "LlamaTokenizer", "LlamaTokenizerFast", "CodeLlamaTokenizer", "CodeLlamaTokenizerFast",
    ]
    guard let tokenizerClass = try configuration.optionalString("tokenizer_class"),
      llamaClasses.contains(tokenizerClass)
    else { return }
    func ids(_ key: String, _ content: [UInt8]?, _ current: [Int32]) throws -> [Int32] {
      guard configuration.value(key) != nil else { return current }
      guard try configuration.boolean(key, default: false) else { return [] }
      let added = addedTokens.first { $0.content == content }?.id
      guard let id = added ?? content.flatMap({ model.vocabulary.find($0) }) else {
        throw configuration.failure(key, "is true, but the token it adds is not in the vocabulary")
      }
      return [id]
    }
    postProcessor = PostProcessor(
      before: try ids("add_bos_token", beginningOfText, postProcessor.before),
      after: try ids("add_eos_token", endOfText, postProcessor.after))
  }

  /// A token given by its spelling or as an object with a "content".
  private static func tokenContent(_ configuration: TokenizerComponent, _ key: String) throws
    -> [UInt8]?
  {
    if configuration.value(key)?.objectValue != nil {
      return try configuration.component(key).map { Array(try $0.string("content").utf8) }
    }
    return try configuration.optionalString(key).map { Array($0.utf8) }
  }
}

extension BytePairModel {
  /// Reads the `model` of a `tokenizer.json`.
  init(_ component: TokenizerComponent) throws {
    if let dropout = component.value("dropout"), dropout.doubleValue != 0 {
      throw component.failure(
        "dropout", "found \(dropout.kindDescription); dropout makes encoding random and is refused")
    }
    let vocabulary = try component.vocabulary()
    let prefix = Array(try component.optionalString("continuing_subword_prefix")?.utf8 ?? "".utf8)
    var options = Options()
    options.ignoreMerges = try component.boolean("ignore_merges", default: false)
    options.byteFallback = try component.boolean("byte_fallback", default: false)
    options.fuseUnknown = try component.boolean("fuse_unk", default: false)
    options.continuingPrefix = prefix
    options.endOfWordSuffix = Array(
      try component.optionalString("end_of_word_suffix")?.utf8 ?? "".utf8)
    if let unknown = try component.optionalString("unk_token") {
      // Where bytes spell everything, an unknown token is never needed, nor always there.
      options.unknown = vocabulary.find(Array(unknown.utf8))
    }
    let merges = try MergeTable(
      spelled: try component.array("merges"), prefixLength: prefix.count, vocabulary: vocabulary
    ) { index, reason in component.failure("merges[\(index)]", reason) }
    self.init(vocabulary: vocabulary, merges: merges, options: options)
  }
}

extension MergeTable {
  /// Merges in the order of training, each a pair of tokens or two tokens with a space between.
  ///
  /// - Parameter prefixLength: bytes that a token loses at its start when it is merged leftwards.
  init(
    spelled merges: [JSONValue], prefixLength: Int, vocabulary: ByteStringTable,
    failure: (Int, String) -> TokenizerError
  ) throws {
    self.init(capacity: merges.count)
    for (index, merge) in merges.enumerated() {
      guard let (left, right) = Self.pair(merge) else {
        throw failure(
          index, "found \(merge.kindDescription), expected \"left right\" or [\"left\", \"right\"]")
      }
      let merged = left + right.dropFirst(prefixLength)
      guard let leftID = vocabulary.find(left), let rightID = vocabulary.find(right),
        let id = vocabulary.find(merged)
      else {
        let missing = [left, right, merged].first { vocabulary.find($0) == nil } ?? []
        throw failure(
          index, "\"\(String(decoding: missing, as: UTF8.self))\" is not in the vocabulary")
      }
      insert(leftID, rightID, rank: UInt32(index), id: id)
    }
  }

  private static func pair(_ merge: JSONValue) -> (left: [UInt8], right: [UInt8])? {
    switch merge {
    case .string(let spelling):
      let parts = Array(spelling.utf8).split(
        separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
      return parts.count == 2 ? (Array(parts[0]), Array(parts[1])) : nil
    case .array(let parts):
      guard parts.count == 2, let left = parts[0].stringValue, let right = parts[1].stringValue
      else { return nil }
      return (Array(left.utf8), Array(right.utf8))
    default:
      return nil
    }
  }
}

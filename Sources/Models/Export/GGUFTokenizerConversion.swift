import Corpus
import Documents

/// The `tokenizer.json` of the tokenizers package that a GGUF file's metadata describes, and what
/// `tokenizer_config.json` must say beside it.
///
/// `Corpus.Tokenizer` reads both and must give the same ids for either; a test holds it to that.
struct GGUFTokenizerConversion {
  let tokenizer: JSONValue
  let configuration: JSONValue

  private static let prefix = "tokenizer.ggml."

  /// Types of tokens that stand outside of the model: unknown, control, defined by the user.
  private static let addedTypes: Set<Int> = [2, 3, 4]
  private static let userDefined = 4

  /// - Throws: `InputError` for a kind of tokenizer that has no `tokenizer.json` here.
  init(_ metadata: JSONValue, location: String) throws {
    let value = { (key: String) in metadata[Self.prefix + key] }
    let tokens = (value("tokens")?.arrayValue ?? []).map { $0.stringValue ?? "" }
    let types = (value("token_type")?.arrayValue ?? []).map { $0.intValue ?? 1 }
    let token = { (key: String) -> (id: Int, text: String)? in
      value(key)?.intValue.flatMap { tokens.indices.contains($0) ? ($0, tokens[$0]) : nil }
    }
    var vocabulary = JSONObject()
    // Converters pad with repeated names; the first one is meant.
    for (id, text) in tokens.enumerated() where vocabulary[text] == nil {
      vocabulary[text] = .integer(id)
    }
    let isByteLevel = value("model")?.stringValue == "gpt2"
    let preTokenizer = isByteLevel ? GGUFPreTokenizer(value("pre")?.stringValue) : nil
    if isByteLevel, preTokenizer == nil {
      throw InputError(
        location, "tokenizer.ggml.pre",
        "found \(value("pre")?.compact ?? "nothing"), which has no tokenizer.json here; expected one "
          + "of \(GGUFPreTokenizer.names.joined(separator: ", "))")
    }
    let pipeline =
      preTokenizer.map(Self.byteLevel)
      ?? Self.sentencePiece(addsPrefix: value("add_space_prefix")?.boolValue ?? true)
    let merges =
      isByteLevel
      ? value("merges") ?? .array([])
      : Self.merges(
        tokens, scores: (value("scores")?.arrayValue ?? []).map { $0.doubleValue ?? 0 },
        types: types, vocabulary)
    let added = types.enumerated().filter { Self.addedTypes.contains($0.element) }
    let addsBeginning =
      value("add_bos_token")?.boolValue
      ?? preTokenizer?.addsBeginning ?? true
    let addsEnd = value("add_eos_token")?.boolValue ?? false
    tokenizer = [
      "version": "1.0", "truncation": nil, "padding": nil,
      "added_tokens": .array(
        added.map { id, type in
          [
            "id": .integer(id), "content": .string(tokens[id]), "single_word": false,
            "lstrip": false, "rstrip": false, "normalized": false,
            "special": .bool(type != Self.userDefined),
          ]
        }),
      "normalizer": pipeline.normalizer, "pre_tokenizer": pipeline.preTokenizer,
      "post_processor": Self.postProcessor(
        before: addsBeginning ? token("bos_token_id") : nil,
        after: addsEnd ? token("eos_token_id") : nil),
      "decoder": pipeline.decoder,
      "model": [
        "type": "BPE", "dropout": nil,
        "unk_token": isByteLevel
          ? nil : .string(token("unknown_token_id")?.text ?? "<unk>"),
        "continuing_subword_prefix": nil, "end_of_word_suffix": nil,
        "fuse_unk": .bool(!isByteLevel), "byte_fallback": .bool(!isByteLevel),
        "ignore_merges": .bool(preTokenizer?.ignoresMerges ?? false),
        "vocab": .object(vocabulary), "merges": merges,
      ],
    ]
    var configuration = JSONObject([("tokenizer_class", "PreTrainedTokenizerFast")])
    for (key, name) in [
      ("bos_token_id", "bos_token"), ("eos_token_id", "eos_token"),
      ("unknown_token_id", "unk_token"), ("padding_token_id", "pad_token"),
    ] {
      if let text = token(key)?.text { configuration[name] = .string(text) }
    }
    if let template = metadata["tokenizer.chat_template"] {
      configuration["chat_template"] = template
    }
    configuration["clean_up_tokenization_spaces"] = false
    self.configuration = .object(configuration)
  }

  private typealias Pipeline = (
    normalizer: JSONValue, preTokenizer: JSONValue, decoder: JSONValue
  )

  private static func byteLevel(_ preTokenizer: GGUFPreTokenizer) -> Pipeline {
    (
      preTokenizer.normalizer, preTokenizer.document,
      ["type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true]
    )
  }

  private static func sentencePiece(addsPrefix: Bool) -> Pipeline {
    let replace: JSONValue = [
      "type": "Replace", "pattern": ["String": " "], "content": "▁",
    ]
    var decoders: [JSONValue] = [
      ["type": "Replace", "pattern": ["String": "▁"], "content": " "],
      ["type": "ByteFallback"], ["type": "Fuse"],
    ]
    if addsPrefix {
      decoders.append(["type": "Strip", "content": " ", "start": 1, "stop": 0])
    }
    return (
      addsPrefix
        ? [
          "type": "Sequence",
          "normalizers": [["type": "Prepend", "prepend": "▁"], replace],
        ] : replace, nil, ["type": "Sequence", "decoders": .array(decoders)]
    )
  }

  /// SentencePiece merges any two neighbours that make a token, that of the highest score first.
  private static func merges(
    _ tokens: [String], scores: [Double], types: [Int], _ vocabulary: JSONObject
  ) -> JSONValue {
    func isText(_ id: Int) -> Bool { types[id] == 1 || types[id] == userDefined }
    var pairs: [(score: Double, left: Int, right: Int)] = []
    for (id, token) in tokens.enumerated() where id < types.count && isText(id) {
      let scalars = token.unicodeScalars
      for split in scalars.indices.dropFirst() {
        guard let left = vocabulary[String(scalars[..<split])]?.intValue,
          let right = vocabulary[String(scalars[split...])]?.intValue, isText(left), isText(right)
        else { continue }
        pairs.append((id < scores.count ? scores[id] : 0, left, right))
      }
    }
    pairs.sort { ($1.score, $0.left, $0.right) < ($0.score, $1.left, $1.right) }
    return .array(pairs.map { [.string(tokens[$0.left]), .string(tokens[$0.right])] })
  }

  private static func postProcessor(
    before: (id: Int, text: String)?, after: (id: Int, text: String)?
  ) -> JSONValue {
    let tokens = [before, after].compactMap { $0 }
    if tokens.isEmpty { return nil }
    let special = { (token: (id: Int, text: String)?, sequence: Int) -> [JSONValue] in
      token.map {
        [["SpecialToken": ["id": .string($0.text), "type_id": .integer(sequence)]]]
      } ?? []
    }
    let sequence = { (name: String, number: Int) -> [JSONValue] in
      special(before, number)
        + [["Sequence": ["id": .string(name), "type_id": .integer(number)]]]
        + special(after, number)
    }
    return [
      "type": "TemplateProcessing", "single": .array(sequence("A", 0)),
      "pair": .array(sequence("A", 0) + sequence("B", 1)),
      "special_tokens": .object(
        JSONObject(
          tokens.map { token in
            (
              key: token.text,
              value: [
                "id": .string(token.text), "ids": [.integer(token.id)],
                "tokens": [.string(token.text)],
              ]
            )
          })),
    ]
  }
}

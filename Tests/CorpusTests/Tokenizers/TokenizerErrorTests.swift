import Documents
import Testing

@testable import Corpus

struct TokenizerErrorTests {
  struct Refusal: Sendable {
    let key: String
    let value: JSONValue
    let message: String

    init(_ key: String, _ value: JSONValue, _ message: String) {
      self.key = key
      self.value = value
      self.message = message
    }
  }

  static let refusals = [
    Refusal(
      "normalizer", ["type": "Nmt"],
      "t.json: $.normalizer.type: the normaliser \"Nmt\" is not supported; supported are "
        + "NFC, NFD, NFKC, NFKD, Lowercase, Prepend, Replace, Strip, BertNormalizer, "
        + "Sequence"
    ),
    Refusal(
      "pre_tokenizer",
      ["type": "Sequence", "pretokenizers": [["type": "Digits"], ["type": "UnicodeScripts"]]],
      "t.json: $.pre_tokenizer.pretokenizers[1].type: the pre-tokeniser \"UnicodeScripts\" is not "
        + "supported; supported are ByteLevel, Split, Digits, Whitespace, WhitespaceSplit, "
        + "Punctuation, Metaspace, BertPreTokenizer, Sequence"
    ),
    Refusal(
      "post_processor", ["type": "Other"],
      "t.json: $.post_processor.type: the post-processor \"Other\" is not supported; supported are "
        + "TemplateProcessing, ByteLevel, BertProcessing, RobertaProcessing, Sequence"
    ),
    Refusal(
      "decoder", ["type": "CTC"],
      "t.json: $.decoder.type: the decoder \"CTC\" is not supported; supported are ByteLevel, "
        + "ByteFallback, Fuse, Replace, Strip, Metaspace, BPEDecoder, WordPiece, Sequence"
    ),
    Refusal(
      "model", ["type": "WordLevel", "vocab": [:]],
      "t.json: $.model.type: the model \"WordLevel\" is not supported; supported are BPE, "
        + "WordPiece, Unigram"
    ),
    Refusal(
      "model", ["type": "Unigram", "vocab": [["a", -1], ["b"]]],
      "t.json: $.model.vocab[1]: found an array of 1, expected a token and its score"
    ),
    Refusal(
      "model", ["type": "BPE", "unk_token": "[UNK]", "vocab": ["a": 0], "merges": []],
      "t.json: $.model.unk_token: \"[UNK]\" is not in the vocabulary"
    ),
    Refusal(
      "added_tokens", [["content": "x", "id": 900_000_000]],
      "t.json: $.added_tokens[0].id: found the integer 900000000, expected an integer from 0 to "
        + "16777215"
    ),
    Refusal(
      "model", ["type": "WordPiece", "unk_token": "[UNK]", "vocab": ["a": 0]],
      "t.json: $.model.unk_token: \"[UNK]\" is not in the vocabulary"
    ),
    Refusal(
      "model", ["type": "BPE", "dropout": 0.1, "vocab": [:], "merges": []],
      "t.json: $.model.dropout: found the number 0.1; dropout makes encoding random and is refused"
    ),
    Refusal(
      "model", ["type": "BPE", "vocab": ["a": 0], "merges": ["a a"]],
      "t.json: $.model.merges[0]: \"aa\" is not in the vocabulary"
    ),
    Refusal(
      "model", ["type": "BPE", "vocab": ["a": 0, "b": 0], "merges": []],
      "t.json: $.model.vocab.b: the id 0 is given to two tokens"
    ),
    Refusal(
      "normalizer", ["type": "Replace", "pattern": ["Regex": " {2,}"], "content": "x"],
      "t.json: $.normalizer.pattern: found {\"Regex\":\" {2,}\"}, expected {\"String\": …}; "
        + "regular expressions are not supported here"
    ),
    Refusal(
      "pre_tokenizer", ["type": "Metaspace", "replacement": "ab"],
      "t.json: $.pre_tokenizer.replacement: found 2 characters, expected exactly one"
    ),
    Refusal(
      "added_tokens", [["content": "x"]],
      "t.json: $.added_tokens[0].id: is missing; expected an integer from 0 to 16777215"
    ),
  ]

  @Test(arguments: refusals)
  func `A component that is not supported is refused by name, with the supported ones`(
    refusal: Refusal
  ) {
    var json = Self.minimal
    json[refusal.key] = refusal.value
    let error = #expect(throws: TokenizerError.self) {
      try Tokenizer(tokenizerJSON: .object(json), configuration: nil, location: "t.json")
    }
    #expect(error?.description == refusal.message)
    #expect(error?.exitCode == .badData)
  }

  @Test(arguments: [
    (#"(?<=a)b"#, "has a group of an unknown kind, at character 2"),
    (#"\p{Greek}+"#, #"has \p{Greek}, which is not supported, at character 9"#),
    ("[a-z", "has a \"[\" without its \"]\", at character 4"), ("a)", "has a \")\" without"),
    ("(a", "has a \"(\" without its \")\", at character 2"), ("*a", "repeats nothing"),
    ("a{2000}", "repeats by impossible bounds"), ("[a&&b]", "has an intersection of sets"),
    (String(repeating: "(", count: 100), "nests deeper than 64 groups"),
  ])
  func `A pattern that cannot be read is refused with what it has`(
    pattern: String, reason: String
  ) {
    var json = Self.minimal
    json["pre_tokenizer"] = [
      "type": "Split", "pattern": ["Regex": .string(pattern)], "behavior": "Isolated",
      "invert": false,
    ]
    let error = #expect(throws: TokenizerError.self) {
      try Tokenizer(tokenizerJSON: .object(json), configuration: nil, location: "t.json")
    }
    #expect(error?.reason.hasPrefix("the pattern \(pattern) \(reason)") == true, "\(pattern)")
  }

  private static func replacement(_ pattern: String, _ content: String) -> JSONValue {
    ["type": "Replace", "pattern": ["String": .string(pattern)], "content": .string(content)]
  }

  @Test(
    arguments: [
      (
        "normalizer",
        [
          "type": "Sequence",
          "normalizers": .array(Array(repeating: replacement("a", "aa"), count: 60)),
        ]
      ),
      ("normalizer", replacement("a", String(repeating: "b", count: 5000))),
      ("normalizer", ["type": "Prepend", "prepend": .string(String(repeating: "b", count: 5000))]),
      (
        "normalizer",
        [
          "type": "Sequence",
          "normalizers": .array(
            (0..<40).flatMap { _ in [replacement("a", "bb"), replacement("b", "aa")] }),
        ]
      ),
      (
        "pre_tokenizer",
        [
          "type": "Sequence",
          "pretokenizers": .array(Array(repeating: ["type": "ByteLevel"], count: 60)),
        ]
      ),
      (
        "decoder",
        [
          "type": "Sequence",
          "decoders": .array(Array(repeating: replacement("a", "aa"), count: 60)),
        ]
      ),
      (
        "decoder",
        [
          "type": "Sequence",
          "decoders": .array(Array(repeating: replacement("a", "b"), count: 300)),
        ]
      ),
    ] as [(String, JSONValue)])
  func `Rewriting that makes texts many times as long is refused`(key: String, value: JSONValue) {
    var json = Self.minimal
    json[key] = value
    let error = #expect(throws: TokenizerError.self) {
      try Tokenizer(tokenizerJSON: .object(json), configuration: nil, location: "t.json")
    }
    #expect(error?.path == "$.\(key)")
    #expect(error?.reason.contains("expected at most") == true, "\(error?.reason ?? "")")
  }

  @Test func `Rewriting as real files do it is not refused`() throws {
    var json = Self.minimal
    // Patterns of which none makes what another looks for.
    let quotes = ["\u{201C}", "\u{201D}", "\u{2026}", "½", "¼", "¾", "ß", "æ", "œ", "ﬁ", "ﬂ", "№"]
      .map {
        Self.replacement($0, "xyz" + $0 + "xyz")
      }
    json["normalizer"] = [
      "type": "Sequence",
      "normalizers": .array(
        [["type": "NFKC"], ["type": "Lowercase"]] + quotes
          + [["type": "Prepend", "prepend": "▁"], Self.replacement(" ", "▁")]),
    ]
    json["pre_tokenizer"] = [
      "type": "Sequence",
      "pretokenizers": [["type": "Digits"], ["type": "ByteLevel", "add_prefix_space": false]],
    ]
    _ = try Tokenizer(tokenizerJSON: .object(json), configuration: nil, location: "t.json")
  }

  @Test func `Many added tokens are read in a moment`() throws {
    var tokens = JSONObject()
    for id in 10..<200_010 { tokens["\(id)"] = ["content": .string("<|\(id)|>"), "special": true] }
    let clock = ContinuousClock()
    let start = clock.now
    let tokenizer = try Tokenizer(
      tokenizerJSON: .object(Self.minimal),
      configuration: ["added_tokens_decoder": .object(tokens)],
      location: "t.json")
    #expect(clock.now - start < .seconds(10))
    #expect(tokenizer.encode("a<|77|>a<|200009|>") == [0, 77, 0, 200_009])
  }

  @Test(arguments: [
    "a" + String(repeating: "*", count: 1000), String(repeating: "[", count: 1000),
    String(repeating: "a*", count: 5000), "(?:" + String(repeating: "a?", count: 200) + ")*b",
  ]) func `A pattern that would take the whole stack is refused`(pattern: String) {
    #expect(throws: SplitExpressionError.self) { try SplitExpression(pattern) }
  }

  @Test func `A pattern that would try without end ends`() throws {
    let expression = try SplitExpression(#"(?:\w+\w+)+x"#)
    var tokens = PreTokens(
      bytes: Array(String(repeating: "a", count: 4000).utf8), isStart: true)
    tokens.split(.isolated) { expression.find(in: $1, $0, into: &$2) }
    #expect(tokens.pieces.count == 1)
  }

  @Test func `An unknown token that is none is no matter where bytes spell everything`() throws {
    var json = Self.minimal
    json["model"] = ["type": "BPE", "unk_token": "[UNK]", "vocab": ["a": 0], "merges": []]
    json["pre_tokenizer"] = ["type": "ByteLevel"]
    let tokenizer = try Tokenizer(
      tokenizerJSON: .object(json), configuration: nil, location: "t.json")
    #expect(tokenizer.encode("aa") == [0, 0])
  }

  @Test func `The configuration names the ends of a text and, for Llama classes, which are added`()
    throws
  {
    func tokenizer(_ configuration: JSONValue) throws -> Tokenizer {
      try Tokenizer(
        tokenizerJSON: .object(Self.minimal), configuration: configuration, location: "t.json")
    }
    let plain = try tokenizer(["bos_token": ["content": "<s>"], "eos_token": "</s>"])
    #expect(plain.beginningOfText == 1)
    #expect(plain.endOfText == 2)
    #expect(plain.encode("a", addSpecialTokens: true) == [0])
    let llama = try tokenizer([
      "bos_token": "<s>", "eos_token": "</s>", "tokenizer_class": "LlamaTokenizerFast",
      "add_bos_token": true, "add_eos_token": false,
      "added_tokens_decoder": ["9": ["content": "<|x|>", "special": true]],
    ])
    #expect(llama.encode("a<|x|>", addSpecialTokens: true) == [1, 0, 9])
    #expect(llama.vocabularySize == 10)
    #expect(llama.isSpecial(9))
    let error = #expect(throws: TokenizerError.self) {
      try tokenizer(["tokenizer_class": "LlamaTokenizer", "add_bos_token": true])
    }
    #expect(
      error?.description
        == "t.json: tokenizer_config.add_bos_token: is true, but the token it adds "
        + "is not in the vocabulary")
  }

  private static let minimal: JSONObject = [
    "model": ["type": "BPE", "vocab": ["a": 0, "<s>": 1, "</s>": 2], "merges": []]
  ]
}

import Documents
import TestSupport
import Testing

@testable import Corpus

struct GGUFTokenizerTests {
  @Test(arguments: [
    ("smollm", "smollm"), ("gpt2", "gpt-2"), ("llama3", "llama-bpe"), ("qwen2", "qwen2"),
    ("smollm", "refact"), ("gpt2", "phi-2"), ("llama3", "llama-v3"), ("qwen2", "deepseek-r1-qwen"),
    ("o200k", "gpt-4o"), ("o200k", "llama4"), ("tekken", "tekken"), ("deepseek", "deepseek-v3"),
    ("punctuation", "default"), ("punctuation", nil),
  ])
  func `The metadata of a family gives the same ids and text as its tokenizer.json`(
    name: String, preTokenizer: String?
  ) throws {
    let reference = try TokenizerGoldens.tokenizer(name)
    let tokenizer = try Tokenizer(
      ggufMetadata: .object(Self.metadata(of: name, model: "gpt2", preTokenizer)),
      location: "m.gguf")
    for line in try TokenizerGoldens.lines().prefix(6000) {
      let ids = reference.encode(line)
      #expect(tokenizer.encode(line) == ids)
      #expect(tokenizer.decode(ids).utf8.elementsEqual(reference.decode(ids).utf8))
    }
  }

  @Test
  func `Scores in the order of merging give the ids of SentencePiece-style byte-pair encoding`()
    throws
  {
    let reference = try TokenizerGoldens.tokenizer("llama2")
    let tokenizer = try Tokenizer(
      ggufMetadata: .object(Self.metadata(of: "llama2", model: "llama", nil)), location: "m.gguf")
    let lines = try TokenizerGoldens.lines()
    for line in lines.prefix(6000) {
      let ids = reference.encode(line)
      #expect(tokenizer.encode(line) == ids)
      #expect(tokenizer.decode(ids).utf8.elementsEqual(reference.decode(ids).utf8))
    }
    #expect(tokenizer.encode("a", addSpecialTokens: true).first == tokenizer.id(of: "<s>"))
  }

  @Test func `Canonically equivalent tokens are different tokens`() throws {
    let tokenizer = try Tokenizer(
      ggufMetadata: [
        "tokenizer.ggml.model": "llama", "tokenizer.ggml.add_bos_token": false,
        "tokenizer.ggml.add_space_prefix": false,
        "tokenizer.ggml.tokens": [
          "\u{E9}", "e", "\u{301}", "e\u{301}", "\u{2126}", "\u{3A9}",
        ],
        "tokenizer.ggml.token_type": [1, 1, 1, 1, 1, 1],
        "tokenizer.ggml.scores": [-1, -2, -3, -4, -5, -6],
      ], location: "m.gguf")
    #expect(tokenizer.encode("\u{E9}e\u{301}\u{2126}\u{3A9}e") == [0, 3, 4, 5, 1])
    #expect(tokenizer.decode([3]).unicodeScalars.count == 2)
    #expect(tokenizer.id(of: "e\u{301}") == 3)
  }

  @Test func `The ends of a text come from the metadata`() throws {
    var metadata = try Self.metadata(of: "smollm", model: "gpt2", "smollm")
    metadata["tokenizer.ggml.bos_token_id"] = 1
    metadata["tokenizer.ggml.eos_token_id"] = 2
    metadata["tokenizer.ggml.add_bos_token"] = true
    metadata["tokenizer.ggml.add_eos_token"] = true
    let tokenizer = try Tokenizer(ggufMetadata: .object(metadata), location: "m.gguf")
    #expect(tokenizer.beginningOfText == 1)
    #expect(tokenizer.endOfText == 2)
    #expect(tokenizer.token(of: 2) == "<|im_end|>")
    #expect(tokenizer.encode("", addSpecialTokens: true) == [1, 2])
    #expect(tokenizer.decode([1, 2], skipSpecialTokens: true) == "")
    #expect(tokenizer.vocabularySize == 1000)
  }

  struct Refusal: Sendable {
    let key: String
    let value: JSONValue
    let reason: String
  }

  static let refusals = [
    Refusal(
      key: "tokenizer.ggml.model", value: "t5",
      reason: "the tokenizer model \"t5\" is not supported; supported are gpt2, llama"),
    Refusal(
      key: "tokenizer.ggml.pre", value: "kimi-k2",
      reason:
        "the pre-tokeniser \"kimi-k2\" is not supported; supported are "
        + GGUFPreTokenizer.names.joined(separator: ", ")),
    Refusal(
      key: "tokenizer.ggml.token_type", value: [1],
      reason: "found 1 elements, expected one for each of the 1000 tokens"),
    Refusal(
      key: "tokenizer.ggml.merges", value: ["zzz q"],
      reason: "\"zzz\" is not in the vocabulary"),
    Refusal(
      key: "tokenizer.ggml.eos_token_id", value: 5000,
      reason: "found 5000, but the vocabulary has 1000 tokens"),
  ]

  @Test(arguments: refusals)
  func `Metadata that cannot be used is refused by name`(refusal: Refusal) throws {
    var metadata = try Self.metadata(of: "smollm", model: "gpt2", "smollm")
    metadata[refusal.key] = refusal.value
    let error = #expect(throws: TokenizerError.self) {
      try Tokenizer(ggufMetadata: .object(metadata), location: "m.gguf")
    }
    #expect(error?.reason == refusal.reason)
    #expect(error?.path.hasPrefix("metadata.\(refusal.key)") == true)
    #expect(error?.exitCode == .badData)
  }

  /// GGUF metadata with the tokens and merges of a golden tokenizer.
  private static func metadata(of name: String, model: String, _ preTokenizer: String?) throws
    -> JSONObject
  {
    let json = try TokenizerGoldens.json("\(name).tokenizer.json")
    let source = try json.member("model")
    var tokens: [Int: String] = [:]
    for (token, id) in try source.member("vocab").objectValue?.members ?? [] {
      tokens[id.intValue ?? -1] = token
    }
    var types = [Int](repeating: 1, count: tokens.count)
    for added in try json.member("added_tokens").elements() {
      let id = try added.member("id").intValue ?? -1
      if id >= tokens.count {
        tokens[id] = try added.member("content").text()
        types.append(1)
      }
      types[id] = added["special"] == true ? 3 : 4
    }
    let merges: [JSONValue] = try source.member("merges").elements().map { merge in
      if merge.stringValue != nil { return merge }
      return .string(try TokenizerGoldens.strings(merge).joined(separator: " "))
    }
    var scores = [Double](repeating: 0, count: tokens.count)
    var ids: [[UInt8]: Int] = [:]
    for (id, token) in tokens { ids[Array(token.utf8)] = id }
    for (rank, merge) in merges.enumerated() {
      let merged = try merge.text().split(separator: " ").joined()
      // A token that two merges make has the score of the first.
      if let id = ids[Array(merged.utf8)], scores[id] == 0 { scores[id] = -Double(rank + 1) }
    }
    let ordered = (0..<tokens.count).map { tokens[$0] ?? "" }
    if model == "llama" {
      for (id, token) in ordered.enumerated() where TokenDecoder.byte(of: Array(token.utf8)) != nil
      {
        types[id] = 6
      }
    }
    var metadata: JSONObject = [
      "tokenizer.ggml.model": .string(model),
      "tokenizer.ggml.tokens": .array(ordered.map(JSONValue.string)),
      "tokenizer.ggml.token_type": .array(types.map(JSONValue.integer)),
      "tokenizer.ggml.scores": .array(scores.map(JSONValue.number)),
      "tokenizer.ggml.merges": .array(merges),
      "tokenizer.ggml.bos_token_id": 1,
      "tokenizer.ggml.add_bos_token": .bool(model == "llama"),
    ]
    if let preTokenizer { metadata["tokenizer.ggml.pre"] = .string(preTokenizer) }
    return metadata
  }
}

import Corpus
import Documents
import Testing

@testable import Models

@Suite struct GGUFTokenizerConversionTests {
  /// GPT-2's spelling of all bytes, so that any text can be encoded.
  static let byteSpellings: [String] = {
    var extra: UInt32 = 256
    return (UInt32(0)..<256).map { byte in
      let isPlain = (33...126).contains(byte) || (161...172).contains(byte) || byte >= 174
      if isPlain { return String(Unicode.Scalar(byte)!) }
      defer { extra += 1 }
      return String(Unicode.Scalar(extra)!)
    }
  }()

  private func byteLevel(_ name: String) -> JSONValue {
    let tokens =
      ["<|end|>", "<|start|>"] + Self.byteSpellings + ["Ġt", "he", "Ġthe", "12", "123", "é"]
    let types = [3, 3] + [Int](repeating: 1, count: tokens.count - 2)
    return [
      "tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": .string(name),
      "tokenizer.ggml.tokens": .array(tokens.map { .string($0) }),
      "tokenizer.ggml.token_type": .array(types.map { .integer($0) }),
      "tokenizer.ggml.merges": ["Ġ t", "h e", "Ġt he", "1 2", "12 3"],
      "tokenizer.ggml.bos_token_id": 1, "tokenizer.ggml.eos_token_id": 0,
      "tokenizer.chat_template": "{{ messages[0].content }}",
    ]
  }

  private var sentencePiece: JSONValue {
    let bytes = (0..<256).map { byte in
      "<0x\(byte < 16 ? "0" : "")\(String(byte, radix: 16, uppercase: true))>"
    }
    let pieces = ["▁", "t", "h", "e", "▁t", "he", "▁the", "c", "a", "at", "1"]
    let tokens = ["<unk>", "<s>", "</s>"] + bytes + pieces
    let types = [2, 3, 3] + [Int](repeating: 6, count: 256) + pieces.map { _ in 1 }
    let scores =
      [Double](repeating: 0, count: 259) + pieces.indices.map { -Double($0 % 7) - Double($0) / 100 }
    return [
      "tokenizer.ggml.model": "llama",
      "tokenizer.ggml.tokens": .array(tokens.map { .string($0) }),
      "tokenizer.ggml.token_type": .array(types.map { .integer($0) }),
      "tokenizer.ggml.scores": .array(scores.map { .number($0) }),
      "tokenizer.ggml.bos_token_id": 1, "tokenizer.ggml.eos_token_id": 2,
      "tokenizer.ggml.unknown_token_id": 0,
    ]
  }

  private let texts = [
    "", "the cat", " the  the\n\nthe\r\n12345 ½ x1y2", "It's the café, isn't it?", "e\u{301}",
    "<|end|>the<|start|>", "</s>the cat<unk>", "日本語 🙂", "\ttabs\u{0}nul",
  ]

  @Test(arguments: ["gpt-2", "smollm", "llama-bpe", "qwen2", "sentencepiece"])
  func `The written tokenizer gives the ids that the metadata give`(name: String) throws {
    let metadata = name == "sentencepiece" ? sentencePiece : byteLevel(name)
    let direct = try Tokenizer(ggufMetadata: metadata, location: "model.gguf")
    let conversion = try GGUFTokenizerConversion(metadata, location: "model.gguf")
    let written = try Tokenizer(
      tokenizerJSON: try JSONValue(parsing: conversion.tokenizer.pretty),
      configuration: conversion.configuration, location: "out")
    #expect(written.beginningOfText == direct.beginningOfText)
    #expect(written.endOfText == direct.endOfText)
    for text in texts {
      for special in [false, true] {
        let ids = direct.encode(text, addSpecialTokens: special)
        #expect(written.encode(text, addSpecialTokens: special) == ids, "\(text)")
      }
      let ids = direct.encode(text)
      #expect(written.decode(ids) == direct.decode(ids), "\(text)")
    }
  }

  @Test func `The chat template goes along`() throws {
    let conversion = try GGUFTokenizerConversion(byteLevel("gpt-2"), location: "model.gguf")
    #expect(
      conversion.configuration["chat_template"]?.stringValue == "{{ messages[0].content }}")
  }

  @Test func `A pre-tokeniser without a pattern here is refused by name`() {
    let error = #expect(throws: InputError.self) {
      try GGUFTokenizerConversion(byteLevel("kimi-k2"), location: "model.gguf")
    }
    #expect(
      error?.description.hasPrefix(
        "model.gguf, tokenizer.ggml.pre: found \"kimi-k2\", which has no tokenizer.json here; expected "
          + "one of ") == true)
  }
}

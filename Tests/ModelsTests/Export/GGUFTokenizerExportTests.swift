import Corpus
import Documents
import Testing

@testable import Models

/// A tokenizer.json becomes metadata that give the same ids.
@Suite struct GGUFTokenizerExportTests {
  /// The metadata of a conversion are the metadata that were converted.
  private func source(_ name: String) -> JSONValue {
    if name == "sentencepiece" {
      let spelled = (0..<256).map { byte in
        "<0x\(byte < 16 ? "0" : "")\(String(byte, radix: 16, uppercase: true))>"
      }
      let pieces = ["▁", "t", "h", "e", "▁t", "he", "▁the", "c", "a", "at", "1"]
      let scores = pieces.indices.map { JSONValue.number(-Double($0)) }
      return [
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.tokens": .array(
          (["<unk>", "<s>", "</s>"] + spelled + pieces).map { .string($0) }),
        "tokenizer.ggml.token_type": .array(
          ([2, 3, 3] + [Int](repeating: 6, count: 256) + pieces.map { _ in 1 }).map { .integer($0) }
        ),
        "tokenizer.ggml.scores": .array([JSONValue](repeating: 0.0, count: 259) + scores),
        "tokenizer.ggml.bos_token_id": 1, "tokenizer.ggml.eos_token_id": 2,
        "tokenizer.ggml.unknown_token_id": 0,
      ]
    }
    let tokens =
      ["<|end|>", "<|start|>"] + GGUFTokenizerConversionTests.byteSpellings + [
        "Ġt", "he", "Ġthe", "12", "123",
      ]
    return [
      "tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": .string(name),
      "tokenizer.ggml.tokens": .array(tokens.map { .string($0) }),
      "tokenizer.ggml.token_type": .array(
        ([3, 4] + [Int](repeating: 1, count: tokens.count - 2)).map { .integer($0) }),
      "tokenizer.ggml.merges": ["Ġ t", "h e", "Ġt he", "1 2", "12 3"],
      "tokenizer.ggml.bos_token_id": 1, "tokenizer.ggml.eos_token_id": 0,
    ]
  }

  private let texts = [
    "", "the cat", " the  the\n\nthe\r\n12345 ½ x1y2", "It's the café, isn't it?",
    "<|end|>the<|start|>", "</s>the cat", "日本語 🙂", "\ttabs",
  ]

  @Test(arguments: ["gpt-2", "smollm", "llama-bpe", "dbrx", "qwen2", "sentencepiece"])
  func `Metadata of a tokenizer.json give its ids`(name: String) throws {
    let metadata = source(name)
    let converted = try GGUFTokenizerConversion(metadata, location: "model.gguf")
    let original = try Tokenizer(
      tokenizerJSON: converted.tokenizer, configuration: converted.configuration, location: "folder"
    )
    let expectedKind: Tokenizer.LlamaCppKind =
      name == "sentencepiece"
      ? .sentencePiece(addsPrefix: true) : .byteLevel(preTokenizer: name)
    #expect(original.llamaCppKind == expectedKind)
    let written = GGUFTokenizer(
      original, converted.tokenizer, configuration: converted.configuration, template: "{{ 1 }}",
      model: ["pad_token_id": 0], rows: original.vocabularySize + 3)
    #expect(written.refusals.isEmpty)
    #expect(written.metadata["tokenizer.chat_template"] == "{{ 1 }}")
    #expect(written.metadata["tokenizer.ggml.padding_token_id"] == 0)
    let tokens = written.metadata["tokenizer.ggml.tokens"]?.arrayValue
    #expect(tokens?.count == original.vocabularySize + 3)
    let again = try Tokenizer(ggufMetadata: .object(written.metadata), location: "out.gguf")
    #expect(again.beginningOfText == original.beginningOfText)
    #expect(again.endOfText == original.endOfText)
    for text in texts {
      for special in [false, true] {
        #expect(
          again.encode(text, addSpecialTokens: special)
            == original.encode(text, addSpecialTokens: special), "\(text)")
      }
    }
  }

  @Test func `What llama.cpp splits otherwise, and rows that are missing, are refused`() throws {
    let converted = try GGUFTokenizerConversion(source("gpt-2"), location: "model.gguf")
    var object = try #require(converted.tokenizer.objectValue)
    let few = try Tokenizer(
      tokenizerJSON: converted.tokenizer, configuration: nil, location: "folder")
    #expect(
      GGUFTokenizer(
        few, converted.tokenizer, configuration: nil, template: nil, model: [:], rows: 5
      )
      .refusals.first?.found.contains("for 5 rows") == true)
    for (key, value) in [
      ("normalizer", ["type": "Lowercase"]),
      ("pre_tokenizer", ["type": "ByteLevel", "add_prefix_space": true, "use_regex": true]),
      ("pre_tokenizer", ["type": "Whitespace"]),
    ] as [(String, JSONValue)] {
      let before = object[key]
      object[key] = value
      let tokenizer = try Tokenizer(
        tokenizerJSON: .object(object), configuration: nil, location: "folder")
      #expect(tokenizer.llamaCppKind == nil)
      object[key] = before
    }
  }
}

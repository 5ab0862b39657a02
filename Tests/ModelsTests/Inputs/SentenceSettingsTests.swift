import Documents
import ModelsTestSupport
import TensorCore
import TestSupport
import Testing
import Transformers

@testable import Models

/// What sentence-transformers' files beside an encoder say of its texts.
@Suite struct SentenceSettingsTests {
  private func settings(_ files: [String: JSONValue]) throws -> (SentenceSettings?, String) {
    try withTemporaryFolder { folder in
      try TinyCheckpoint.write(TinyCheckpoint.llama(), to: folder)
      for (name, document) in files {
        try DocumentFile("\(folder)/\(name)").replace(with: document.compact)
      }
      do {
        return (try SentenceSettings(try LoadedModel.open(folder)), "")
      } catch let error as ModelError { return (nil, error.problems.joined()) }
    }
  }

  @Test func `Texts are cut where the files say, the tokenizer's last`() throws {
    #expect(try settings([:]).0?.maximumLength == nil)
    let tokenizer: JSONValue = ["model_max_length": 20]
    #expect(try settings(["tokenizer_config.json": tokenizer]).0?.maximumLength == 20)
    #expect(
      try settings([
        "tokenizer_config.json": tokenizer, "sentence_bert_config.json": ["max_seq_length": 9],
      ]).0?.maximumLength == 9)
    #expect(
      try settings([
        "tokenizer_config.json": tokenizer, "sentence_roberta_config.json": ["max_seq_length": nil],
      ]).0?.maximumLength == 20)
    #expect(
      try settings(["tokenizer_config.json": ["model_max_length": 1e30]]).0?.maximumLength == nil)
    #expect(
      try settings(["sentence_bert_config.json": ["max_seq_length": 0]]).1.contains("is 0"))
  }

  @Test func `A default prompt is put before every text, and its name must be known`() throws {
    let prompts: JSONValue = ["default_prompt_name": "query", "prompts": ["query": "Q: "]]
    let found = try settings([
      "config_sentence_transformers.json": prompts,
      "sentence_bert_config.json": ["do_lower_case": true],
    ]).0
    #expect(found?.text(of: "Ab") == "q: ab")
    #expect(try settings([:]).0?.text(of: "Ab") == "Ab")
    let unknown: JSONValue = ["default_prompt_name": "other", "prompts": [:]]
    #expect(
      try settings(["config_sentence_transformers.json": unknown]).1.contains(
        "default_prompt_name is \"other\""))
  }

  @Test func `Pooling is read in both spellings`() throws {
    let pooling = { (document: JSONValue) in
      try EmbeddingPooling(sentenceModules: ["1_Pooling/config.json": document], location: "m")
    }
    #expect(try pooling(["pooling_mode": "mean"]) == EmbeddingPooling(.mean))
    #expect(try pooling(["pooling_mode": "cls"]) == EmbeddingPooling(.first))
    #expect(try pooling(["pooling_mode": ["cls"]]) == EmbeddingPooling(.first))
    for document: JSONValue in [
      ["pooling_mode": "max"], ["pooling_mode": ["cls", "mean"]], ["pooling_mode": "other"],
    ] {
      let error = #expect(throws: ModelError.self) { try pooling(document) }
      #expect(error?.description.contains("expected one of pooling_mode_cls_token") == true)
    }
  }
}

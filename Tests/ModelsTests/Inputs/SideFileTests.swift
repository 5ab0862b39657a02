import Corpus
import Documents
import ModelsTestSupport
import TensorCore
import TestSupport
import Testing

@testable import Models

/// Files beside the weights: what they say counts, and what is not needed blocks nothing.
@Suite struct SideFileTests {
  private func model(
    of teacher: (configuration: JSONValue, shapes: [String: Shape]) = TinyCheckpoint.llama(),
    configuration: JSONObject = [:], _ files: [(String, JSONValue)],
    _ body: (LoadedModel) throws -> Void
  ) throws {
    try withTemporaryFolder { folder in
      var teacher = teacher
      var members = teacher.configuration.objectValue ?? JSONObject()
      for (key, value) in configuration.members { members[key] = value }
      teacher.configuration = .object(members)
      try TinyCheckpoint.write(teacher, to: folder)
      for (name, document) in files {
        try DocumentFile("\(folder)/\(name)").replace(with: document.compact)
      }
      try body(try LoadedModel.open(folder))
    }
  }

  @Test func `A tokenizer that cannot be read is an error when it is asked for`() throws {
    let tokenizer: JSONValue = ["model": ["type": "WordLevel", "vocab": [:]]]
    try model([("tokenizer.json", tokenizer)]) { model in
      #expect(model.tokenizer == nil)
      #expect(model.decoder.configuration.layers == 2)
      #expect(throws: TokenizerError.self) { try model.requireTokenizer() }
      #expect(throws: TokenizerError.self) { try model.readableChat() }
    }
  }

  @Test func `A template that cannot be read is an error when chat is asked for`() throws {
    try model([("tokenizer_config.json", ["chat_template": "{% frobnicate %}"])]) { model in
      let tokenizer = try model.requireTokenizer()
      #expect(tokenizer.vocabularySize == 40)
      #expect(model.chat == nil)
      #expect(throws: ChatTemplateError.self) { try model.readableChat() }
    }
    try model([]) { model in
      let chat = try model.readableChat()
      #expect(chat == nil)
    }
  }

  @Test func `The ends of a text are the configuration's where the tokenizer names none`() throws {
    let ids: JSONObject = ["bos_token_id": 3, "eos_token_id": [4, 5]]
    try model(configuration: ids, [("tokenizer_config.json", ["model_max_length": 9])]) { model in
      let tokenizer = try model.requireTokenizer()
      #expect([tokenizer.beginningOfText, tokenizer.endOfText] == [3, 4])
    }
    // What says that there is none, or names one, is believed.
    for settings: JSONValue in [["bos_token": nil, "eos_token": "<end>"], ["eos_token": "<end>"]] {
      try model(configuration: ids, [("tokenizer_config.json", settings)]) { model in
        let tokenizer = try model.requireTokenizer()
        #expect([tokenizer.beginningOfText, tokenizer.endOfText] == [nil, 0])
      }
    }
    let configuration: JSONObject = ["bos_token_id": 900, "eos_token_id": -1]
    try model(configuration: configuration, [("tokenizer_config.json", [:])]) { model in
      let tokenizer = try model.requireTokenizer()
      #expect([tokenizer.beginningOfText, tokenizer.endOfText] == [nil, nil])
    }
  }

  @Test func `A first checkpoint of GPT-2 ends texts as its family does`() throws {
    var tokenizer = TinyCheckpoint.tokenizerDocument.objectValue!
    tokenizer["added_tokens"] = [["id": 39, "content": "<|endoftext|>", "special": true]]
    try model(
      of: TinyCheckpoint.gpt2(),
      [("tokenizer.json", .object(tokenizer)), ("tokenizer_config.json", [:])]
    ) { model in
      let tokenizer = try model.requireTokenizer()
      #expect([tokenizer.beginningOfText, tokenizer.endOfText] == [39, 39])
    }
  }

  @Test func `Generation ends where generation_config.json says`() throws {
    let configuration: JSONObject = ["eos_token_id": 7]
    try model(configuration: configuration, [("generation_config.json", ["eos_token_id": [4, 5]])])
    {
      #expect($0.source.endOfTextIDs == [4, 5])
    }
    for file: JSONValue in [["eos_token_id": nil], [:]] {
      try model(configuration: configuration, [("generation_config.json", file)]) {
        #expect($0.source.endOfTextIDs == [7])
      }
    }
  }

  @Test func `Generation is sampled as generation_config.json says`() throws {
    let options = { (document: JSONValue?) in
      try SamplingOptions(generation: document, seed: 3)
    }
    #expect(try options(nil) == nil)
    #expect(try options(["temperature": 0.6, "top_p": 0.9]) == nil)
    #expect(
      try options(["do_sample": true]) == SamplingOptions(temperature: 1, topK: 50, seed: 3))
    #expect(
      try options(["do_sample": true, "temperature": 0.6, "top_k": 0, "top_p": 0.95])
        == SamplingOptions(temperature: 0.6, topP: 0.95, seed: 3))
    #expect(throws: GenerationError.self) { try options(["do_sample": true, "temperature": -1]) }
    let document: JSONValue = [
      "do_sample": true, "repetition_penalty": 1.05, "min_p": 0, "typical_p": 1.0,
      "bad_words_ids": [[3]], "suppress_tokens": nil,
    ]
    let notice = try #require(try options(document)).notice(of: document)
    #expect(
      notice.contains(
        "temperature 1.0, top-k 50, but without its repetition_penalty, bad_words_ids;"))
  }
}

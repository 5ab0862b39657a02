import Documents
import Foundation
import Models
import Testing

@testable import Serving

@Suite struct CompletionTests {
  @Test func `An answer has OpenAI's members`() async throws {
    try await TestServer.run { server, path in
      let response = try await server.completion([
        "model": "tiny", "prompt": "the cat", "max_tokens": 5, "temperature": 0,
        "user": "somebody", "frequency_penalty": 0, "logit_bias": [:],
      ])
      let document = try response.document
      #expect(document["object"] == "text_completion")
      #expect(document["model"] == "tiny")
      #expect(document["id"]?.stringValue?.hasPrefix("cmpl-") == true)
      #expect(document["usage"]?["completion_tokens"] == 5)
      let choice = try #require(document["choices"]?.arrayValue?.first)
      #expect(choice["text"]?.stringValue == (try TestServer.expected(path, "the cat", tokens: 5)))
      #expect(choice["finish_reason"] == "length")
      #expect(choice["logprobs"] == .null)
    }
  }

  @Test func `Prompts are texts, lists of texts, ids, and lists of ids`() async throws {
    try await TestServer.run { server, _ in
      // "a", "b" and the ids of both.
      for (prompt, count) in [
        ("ab", 1), (["ab", "b"], 2), ([1, 2], 1), ([[1, 2], [2]], 2),
      ] as [(JSONValue, Int)] {
        let response = try await server.completion([
          "prompt": prompt, "max_tokens": 6, "temperature": 0,
        ])
        let choices = try #require(try response.document["choices"]?.arrayValue)
        #expect(choices.count == count)
        let first = try await server.completion([
          "prompt": "ab", "max_tokens": 6, "temperature": 0,
        ])
        #expect(
          choices.first?["text"] == (try first.document["choices"]?.arrayValue?.first?["text"]))
      }
    }
  }

  /// What lm-eval's `local-completions` asks for to score a continuation.
  @Test(arguments: [0, 1])
  func `An echo tells the log-probability of every token of the prompt`(tokens: Int) async throws {
    try await TestServer.run(student: ["mixer": "rad-rwkv6"]) { server, path in
      let prompt = String(repeating: "the cat sat on 7 mats ", count: 14)
      let response = try await server.completion([
        "prompt": .string(prompt), "max_tokens": .integer(tokens), "temperature": 0, "logprobs": 2,
        "echo": true, "seed": 1234,
      ])
      let choice = try #require(try response.document["choices"]?.arrayValue?.first)
      let told = try #require(choice["logprobs"])
      let model = try LoadedModel.open(path)
      let ids = try model.requireTokenizer().encode(prompt, addSpecialTokens: true)
      #expect(ids.count > 2 * PromptReading.pieceLength)
      let logProbabilities = try #require(told["token_logprobs"]?.arrayValue)
      #expect(logProbabilities.count == ids.count + tokens)
      #expect(logProbabilities[0] == .null)
      let expected = Self.logProbabilities(model, ids)
      for (found, expected) in zip(logProbabilities.dropFirst(), expected) {
        #expect(abs(try #require(found.doubleValue) - expected) < 1e-4)
      }
      let spelled = try #require(told["tokens"]?.arrayValue?.compactMap { $0.stringValue })
      #expect(spelled.prefix(ids.count).joined() == prompt)
      #expect(choice["text"]?.stringValue == spelled.joined())
      let top = try #require(told["top_logprobs"]?.arrayValue)
      #expect(top.dropFirst().allSatisfy { $0.objectValue?.count == 2 })
      let offsets = try #require(told["text_offset"]?.arrayValue?.compactMap { $0.intValue })
      #expect(offsets.prefix(3) == [0, 3, 4])
    }
  }

  private static func logProbabilities(_ model: LoadedModel, _ ids: [Int32]) -> [Double] {
    let session = model.decoder.session(reading: ids)
    return zip(session, ids.dropFirst()).map { row, next in
      let maximum = row.max()!
      let total = row.reduce(0) { $0 + exp(Double($1 - maximum)) }
      return Double(row[Int(next)] - maximum) - log(total)
    }
  }

  @Test func `Text ends before a stop word, also one that comes in pieces`() async throws {
    try await TestServer.run { server, path in
      let whole = try TestServer.expected(path, "the cat", tokens: 40)
      let characters = Array(whole)
      let word = String(characters[9..<13])
      let end = try #require(whole.range(of: word)).lowerBound
      for isStreamed in [false, true] {
        let response = try await server.completion([
          "prompt": "the cat", "max_tokens": 40, "temperature": 0,
          "stop": ["never", .string(word)],
          "stream": .bool(isStreamed), "logprobs": 0,
        ])
        let documents = isStreamed ? try response.events.documents : [try response.document]
        let choices = documents.compactMap { $0["choices"]?.arrayValue?.first }
        #expect(
          choices.compactMap { $0["text"]?.stringValue }.joined() == String(whole[..<end]))
        #expect(choices.last?["finish_reason"] == "stop")
        let tokens = choices.flatMap { $0["logprobs"]?["tokens"]?.arrayValue ?? [] }
        #expect(tokens.compactMap(\.stringValue).joined().hasPrefix(String(whole[..<end])))
      }
    }
  }

  @Test func `A stream tells the tokens it used when asked`() async throws {
    try await TestServer.run { server, _ in
      let response = try await server.completion([
        "prompt": "the cat", "max_tokens": 3, "temperature": 0, "stream": true,
        "stream_options": ["include_usage": true],
      ])
      #expect(response.headers["content-type"] == "text/event-stream; charset=utf-8")
      let (documents, isDone) = try response.events
      #expect(isDone)
      #expect(documents.count == 5)
      #expect(
        documents.dropLast().allSatisfy { $0["choices"]?.arrayValue?.first?.objectValue != nil })
      #expect(documents.last?["usage"]?["completion_tokens"] == 3)
      #expect(documents.last?["choices"] == [])
    }
  }

  private static let template =
    "{% for m in messages %}{{ m.role }} {{ m.content }} {% endfor %}"
    + "{% if add_generation_prompt %}a{% endif %}"

  @Test func `A chat is what the template spells, continued`() async throws {
    try await TestServer.run(template: Self.template) { server, path in
      let expected = try TestServer.expected(path, "user the cat a", tokens: 12)
      let fields: JSONObject = [
        "messages": [["role": "user", "content": [["type": "text", "text": "the cat"]]]],
        "max_completion_tokens": 12, "temperature": 0, "logprobs": true, "top_logprobs": 3,
      ]
      let whole = try await server.client.post("/v1/chat/completions", .object(fields))
      let choice = try #require(try whole.document["choices"]?.arrayValue?.first)
      #expect(choice["message"]?["content"]?.stringValue == expected)
      #expect(choice["message"]?["role"] == "assistant")
      let told = try #require(choice["logprobs"]?["content"]?.arrayValue)
      #expect(told.count == 12)
      #expect(told.allSatisfy { $0["top_logprobs"]?.arrayValue?.count == 3 })
      #expect(told.allSatisfy { $0["top_logprobs"]?.arrayValue?.first?["token"] == $0["token"] })
      var streamed = fields
      streamed["stream"] = true
      let response = try await server.client.post("/v1/chat/completions", .object(streamed))
      let deltas = try response.events.documents.compactMap {
        $0["choices"]?.arrayValue?.first?["delta"]
      }
      #expect(deltas.first?["role"] == "assistant")
      #expect(deltas.compactMap { $0["content"]?.stringValue }.joined() == expected)
      #expect(deltas.last == [:])
    }
  }
}

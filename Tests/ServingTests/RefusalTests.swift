import Documents
import Foundation
import Models
import Testing

@testable import Serving

/// Requests that are not answered, and what they are told.
@Suite struct RefusalTests {
  @Test func `Every mistake of a request is told at once, in one line`() async throws {
    try await TestServer.run { server, _ in
      let cases: [(path: String, body: JSONValue, status: Int, message: String)] = [
        (
          "/v1/completions", ["max_tokens": -1, "temperature": 3, "tempature": 1], 400,
          "$.max_tokens: found the integer -1, expected an integer from 0 to 4096; $.temperature: "
            + "found the integer 3, expected a number from 0.0 to 2.0; $.prompt: is missing; expected a "
            + "text, an array of texts, token ids, or an array of arrays of token ids; $.tempature: "
            + "is not a known key; did you mean \"temperature\"?"
        ),
        (
          "/v1/completions", ["prompt": [1, "a"]], 400,
          "$.prompt: found an array of 2, expected a text, an array of texts, token ids, or an array "
            + "of arrays of token ids"
        ),
        (
          "/v1/completions", ["prompt": [40]], 400,
          "$.prompt: found the token id 40, expected one from 0 to 39"
        ),
        (
          "/v1/completions", ["prompt": "a", "frequency_penalty": 0.5], 400,
          "$.frequency_penalty: found the number 0.5, which this server does not offer; leave it out"
        ),
        (
          "/v1/completions", ["prompt": "a", "stop": [""]], 400,
          "$.stop: found an array of 1, expected a text or an array of at most 16, none empty"
        ),
        (
          "/v1/completions", ["prompt": .string(String(repeating: "a ", count: 400))], 400,
          "a prompt has 800 tokens, expected at most 600; shorten it"
        ),
        (
          "/v1/completions", ["prompt": "a", "model": "gpt"], 404,
          "there is no model \"gpt\" here, only \"tiny\""
        ),
        (
          "/v1/chat/completions", ["messages": [["role": "user", "content": "a"]]], 400,
          "the model \"tiny\" has no chat template; spell the conversation yourself and send it to "
            + "/v1/completions"
        ),
        (
          "/v1/chat/completions", ["messages": [["role": "cat"]], "top_logprobs": 2], 400,
          "$.messages[0].role: found the string \"cat\", expected one of \"system\", \"developer\", "
            + "\"user\", \"assistant\"; $.messages[0].content: is missing; expected a text or an "
            + "array of parts of the type \"text\"; $.top_logprobs: needs logprobs; set it to true"
        ),
        ("/v1/completions", [], 400, "$: found an array of 0, expected an object"),
      ]
      for expected in cases {
        let response = try await server.client.post(expected.path, expected.body)
        #expect(response.status == expected.status, "\(expected.message)")
        #expect(try response.message == expected.message)
        #expect(response.headers["content-type"] == "application/json")
      }
      let broken = try await server.client.send(
        "POST", "/v1/completions", body: Array(#"{"prompt": "a""#.utf8))
      #expect(broken.status == 400)
      #expect(try broken.message?.hasPrefix("the body is no JSON document: line 1") == true)
    }
  }

  @Test func `Other paths and methods are told what there is`() async throws {
    try await TestServer.run { server, _ in
      #expect(try await server.client.get("/v1/completions").status == 405)
      #expect(try await server.client.post("/v1/models", [:]).status == 405)
      #expect(try await server.client.get("/v2").status == 404)
      #expect(try await server.client.get("/v1/models/gpt").status == 404)
      let models = try await server.client.get("/v1/models")
      #expect(try models.document["data"]?.arrayValue?.first?["id"] == "tiny")
      #expect(try await server.client.get("/v1/models/tiny").status == 200)
      #expect(try await server.client.get("/health").document == ["status": "ok"])
      // A page of another site whose name leads to this machine.
      let socket = try await server.client.connect()
      try await socket.write(
        Data("GET /v1/models HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n".utf8))
      #expect(try await Client.response(socket).status == 403)
      server.client.close(socket)
    }
  }

  @Test func `A body that is too large or comes too slowly is refused`() async throws {
    let limits = TestServer.limits {
      $0.bodyBytes = 1000
      $0.bodySeconds = 0.3
    }
    try await TestServer.run(limits: limits) { server, _ in
      let large = try await server.client.send(
        "POST", "/v1/completions", body: [UInt8](repeating: 32, count: 200_000))
      #expect(large.status == 413)
      for header in ["Content-Length: 900", "Transfer-Encoding: chunked"] {
        let socket = try await server.client.connect()
        try await socket.write(server.client.request("POST", "/v1/completions", [header]))
        let response = try await Client.response(socket)
        #expect(response.status == 408)
        #expect(response.headers["connection"] == "close")
        server.client.close(socket)
      }
    }
  }

  @Test func `A token is asked for everywhere but at the health check`() async throws {
    let token = "0123456789abcdef"
    try await TestServer.run(token: token) { server, _ in
      for wrong in [[], ["Authorization: Bearer 0123456789abcdeg"], ["Authorization: Bearer "]] {
        for path in ["/v1/models", "/metrics"] {
          let response = try await server.client.get(path, headers: wrong)
          #expect(response.status == 401)
          #expect(!response.text.contains(token))
        }
        let body: JSONValue = ["prompt": "a"]
        #expect(
          try await server.client.post("/v1/completions", body, headers: wrong).status == 401)
      }
      #expect(try await server.client.get("/health").status == 200)
      let right = ["Authorization: bearer \(token)"]
      #expect(try await server.client.get("/v1/models", headers: right).status == 200)
    }
  }

  @Test func `A token has a length that is worth something`() throws {
    #expect(throws: ServingError.self) { try AccessToken("secret", from: "f") }
    #expect(throws: ServingError.self) { try AccessToken("0123456789 abcdef", from: "f") }
    let token = try AccessToken(" 0123456789abcdef\n", from: "f")
    #expect(token.admits("Bearer 0123456789abcdef"))
    for wrong in [nil, "", "Bearer", "0123456789abcdef", "Bearer 0123456789abcdef0"] {
      #expect(!token.admits(wrong))
    }
  }

  @Test func `Other machines are let in with a token alone`() throws {
    for host in ["0.0.0.0", "::", "192.168.0.1"] {
      #expect(try !ListeningAddress(host: host, port: 0).isLoopback)
    }
    for host in ["127.0.0.1", "::1", "localhost"] {
      #expect(try ListeningAddress(host: host, port: 0).isLoopback)
    }
    #expect(throws: ServingError.address("example.org")) {
      try ListeningAddress(host: "example.org", port: 0)
    }
    #expect(ListeningAddress.isLocal(host: "localhost:80"))
    #expect(!ListeningAddress.isLocal(host: "localhost.evil.example"))
  }

  @Test func `A port that is taken is told`() async throws {
    try await TestServer.run { server, path in
      let second = try ModelServer(
        try LoadedModel.open(path), name: "tiny",
        at: try ListeningAddress(host: "127.0.0.1", port: server.client.port), token: nil)
      await #expect(
        throws: ServingError.listening(
          "127.0.0.1:\(server.client.port)", reason: "address already in use")
      ) { try await second.start() }
      _ = await second.stop(within: 0)
    }
  }
}

import Documents
import Models
import Testing

@testable import Serving

@Suite struct ConcurrencyTests {
  static let students: [JSONValue?] = [
    nil, ["mixer": "terrace-window", "windowSize": 4, "sinks": 1], ["mixer": "rad-rwkv6"],
    ["mixer": "rad-rwkv7"],
  ]

  /// Of very different lengths, one longer than the pieces in which prompts are read.
  private static let prompts =
    (0..<12).map { String("the cat sat 42 times on 7 mats".dropFirst($0)) }
    + [
      String(repeating: "the 9 lives of a cat ", count: 20),
      String(repeating: "a long story of 3 mats ", count: 26),
    ]

  @Test(arguments: students)
  func `Requests at the same time have the text that each has alone`(student: JSONValue?)
    async throws
  {
    try await TestServer.run(student: student) { server, path in
      let expected = try Self.prompts.map { try TestServer.expected(path, $0, tokens: 24) }
      let texts = try await withThrowingTaskGroup(of: (Int, String).self) { group in
        for (index, prompt) in Self.prompts.enumerated() {
          group.addTask {
            let response = try await server.completion([
              "prompt": .string(prompt), "max_tokens": 24, "temperature": 0,
              "stream": .bool(index % 2 == 0),
            ])
            return (index, try Self.text(response, isStreamed: index % 2 == 0))
          }
        }
        var texts = [String](repeating: "", count: Self.prompts.count)
        for try await (index, text) in group { texts[index] = text }
        return texts
      }
      #expect(texts == expected)
    }
  }

  private static func text(_ response: Response, isStreamed: Bool) throws -> String {
    #expect(response.status == 200, "\(response.text)")
    guard isStreamed else {
      return try response.document["choices"]?.arrayValue?.first?["text"]?.stringValue ?? ""
    }
    let (documents, isDone) = try response.events
    #expect(isDone)
    return documents.compactMap { $0["choices"]?.arrayValue?.first?["text"]?.stringValue }.joined()
  }

  @Test func `Draws depend on the seed alone, not on who else is answered`() async throws {
    try await TestServer.run { server, path in
      let sampling = try SamplingOptions(temperature: 1.2, topP: 0.9, seed: 5)
      let expected = try TestServer.expected(path, "a dog", tokens: 16, sampling: sampling)
      let response = try await server.completion([
        "prompt": ["a dog", "the 3 dogs"], "max_tokens": 16, "temperature": 1.2, "top_p": 0.9,
        "seed": 5, "n": 3,
      ])
      let choices = try #require(try response.document["choices"]?.arrayValue)
      #expect(choices.count == 6)
      #expect(choices.map { $0["index"]?.intValue } == [0, 1, 2, 3, 4, 5])
      let texts = choices.compactMap { $0["text"]?.stringValue }
      #expect(texts[0] == expected)
      #expect(Set(texts[..<3]).count > 1, "every choice draws for itself")
    }
  }

  @Test func `More sequences than may wait are turned away`() async throws {
    let limits = TestServer.limits {
      $0.sequences = 1
      $0.waiting = 1
    }
    try await TestServer.run(limits: limits) { server, _ in
      let response = try await server.completion([
        "prompt": ["a", "b", "c"], "max_tokens": 4, "temperature": 0,
      ])
      #expect(response.status == 400)
      let crowd = try await server.completion(["prompt": "a", "n": 3, "max_tokens": 4])
      #expect(crowd.status == 429)
      #expect(crowd.headers["retry-after"] == "1")
      #expect(
        try crowd.message
          == "0 of 2 sequences are under way, too many to take 3 more; try again later")
      // What fits is answered, one after the other.
      let rest = try await server.completion(["prompt": "a", "n": 2, "max_tokens": 4])
      #expect(rest.status == 200)
    }
  }

  @Test func `A client that goes away frees its place`() async throws {
    let limits = TestServer.limits { $0.newTokens = 1_000_000 }
    try await TestServer.run(limits: limits) { server, _ in
      for isStreamed in [true, false] {
        let body: JSONValue = [
          "prompt": "the", "max_tokens": 1_000_000, "temperature": 0, "stream": .bool(isStreamed),
          "ignore_eos": true,
        ]
        let socket = try await server.client.connect()
        let bytes = Array(body.compact.utf8)
        try await socket.write(
          server.client.request(
            "POST", "/v1/completions", ["Content-Length: \(bytes.count)"]) + .init(bytes))
        if isStreamed { _ = try await socket.read(bytes: 100) }
        try await Self.wait {
          try await server.metric(#"linearize_sequences{state="decoding"}"#) == 1
        }
        server.client.close(socket)
        try await Self.wait {
          try await server.metric(#"linearize_sequences{state="decoding"}"#) == 0
        }
      }
      #expect(try await server.metric("linearize_cancelled_requests_total") == 2)
    }
  }

  private static func wait(_ condition: () async throws -> Bool) async throws {
    for _ in 0..<200 {
      if try await condition() { return }
      try await Task.sleep(nanoseconds: 50_000_000)
    }
    Issue.record("it did not come true within 10 s")
  }

  @Test func `A server that stops ends what is under way, and takes nothing more`() async throws {
    try await TestServer.run { server, path in
      let expected = try TestServer.expected(path, "the cat", tokens: 3000, ignoreEnd: true)
      let running = Task {
        try await server.completion([
          "prompt": "the cat", "max_tokens": 3000, "temperature": 0, "ignore_eos": true,
        ])
      }
      try await Self.wait {
        try await server.metric(#"linearize_sequences{state="decoding"}"#) == 1
      }
      let stopping = Task { await server.server.stop(within: 60) }
      try await Self.wait { try await server.client.get("/health").status == 503 }
      #expect(try await server.completion(["prompt": "a"]).status == 503)
      let response = try await running.value
      #expect(
        try response.document["choices"]?.arrayValue?.first?["text"]?.stringValue == expected)
      #expect(await stopping.value)
    }
  }

  @Test func `What is under way longer than a server waits is cut and says so`() async throws {
    let limits = TestServer.limits { $0.newTokens = 1_000_000 }
    try await TestServer.run(limits: limits) { server, _ in
      let running = Task {
        try await server.completion([
          "prompt": "a", "max_tokens": 1_000_000, "temperature": 0, "ignore_eos": true,
        ])
      }
      try await Self.wait {
        try await server.metric(#"linearize_sequences{state="decoding"}"#) == 1
      }
      #expect(await !server.server.stop(within: 0.1))
      let response = try await running.value
      #expect(response.status == 503)
      #expect(try response.document["error"]?["code"] == "stopping")
    }
  }

  @Test func `A request that takes too long is cut and says so`() async throws {
    let limits = TestServer.limits {
      $0.requestSeconds = 0.2
      $0.newTokens = 1_000_000
    }
    try await TestServer.run(limits: limits) { server, _ in
      let response = try await server.completion([
        "prompt": "a", "max_tokens": 1_000_000, "temperature": 0, "ignore_eos": true,
      ])
      #expect(response.status == 503)
      #expect(try response.document["error"]?["code"] == "too_slow")
    }
  }
}

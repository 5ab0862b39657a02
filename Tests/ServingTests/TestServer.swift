import Documents
import Foundation
import Models
import ModelsTestSupport
import TensorCore
import Testing

@testable import Serving

/// A server of a tiny model on a port of its own.
struct TestServer {
  let server: ModelServer
  let client: Client

  /// - Parameters:
  ///   - student: nil for the teacher.
  ///   - template: of chats; nil for none.
  static func run(
    student: JSONValue? = nil, template: String? = nil, token: String? = nil,
    limits: ServingLimits = limits,
    _ body: (_ server: TestServer, _ model: String) async throws -> Void
  ) async throws {
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("linearize-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(
      atPath: folder, withIntermediateDirectories: true)
    defer {
      do { try FileManager.default.removeItem(atPath: folder) } catch { Issue.record("\(error)") }
    }
    try TinyCheckpoint.write(teacher(), to: folder)
    if let template {
      let configuration: JSONValue = [
        "eos_token": "<end>", "tokenizer_class": "GPT2Tokenizer",
        "chat_template": .string(template),
      ]
      try DocumentFile("\(folder)/tokenizer_config.json").replace(with: configuration.pretty)
    }
    var path = folder
    if let student {
      path = "\(folder)/student.h5"
      try TinyCheckpoint.writeStudent(of: folder, to: path, student: student)
    }
    let server = try ModelServer(
      try LoadedModel.open(path), name: "tiny",
      at: try ListeningAddress(host: "127.0.0.1", port: 0),
      token: try token.map { try AccessToken($0, from: "test") }, limits: limits)
    let address = try await server.start()
    do {
      try await body(TestServer(server: server, client: Client(port: address.port)), path)
    } catch {
      _ = await server.stop(within: 0)
      throw error
    }
    _ = await server.stop(within: 0)
  }

  static let limits = limits { _ in }

  /// The usual ones, changed.
  static func limits(_ change: (inout ServingLimits) -> Void) -> ServingLimits {
    var limits = ServingLimits()
    limits.promptTokens = 600
    change(&limits)
    return limits
  }

  /// Wide enough that its products have fast ways, were they not kept apart.
  private static func teacher() -> (configuration: JSONValue, shapes: [String: Shape]) {
    TinyCheckpoint.llama(layers: 2, headDim: 64)
  }

  /// What `linearize generate` gives for a prompt.
  static func expected(
    _ path: String, _ prompt: String, tokens: Int, sampling: SamplingOptions = .greedy,
    ignoreEnd: Bool = false
  ) throws -> String {
    let generator = try TextGenerator(try LoadedModel.open(path))
    var text = ""
    _ = try generator.generate(
      try generator.promptTokens(prompt, addSpecialTokens: true), maximumTokens: tokens,
      sampling: sampling, ignoreEnd: ignoreEnd
    ) { text += $0 }
    return text
  }

  func completion(_ fields: JSONObject) async throws -> Response {
    try await client.post("/v1/completions", .object(fields))
  }

  /// The number of a metric.
  func metric(_ name: String) async throws -> Double {
    let text = try await client.get("/metrics").text
    let line = try #require(text.split(separator: "\n").first { $0.hasPrefix(name + " ") })
    return try #require(Double(line.split(separator: " ").last!))
  }
}

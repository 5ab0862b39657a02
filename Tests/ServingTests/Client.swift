import Documents
import FlyingSocks
import Foundation
import Testing

@testable import Serving

/// What came back over a connection of its own.
struct Response: Sendable {
  var status: Int
  var headers: [String: String]
  var body: [UInt8]

  var text: String { String(decoding: body, as: UTF8.self) }
  var document: JSONValue { get throws { try JSONValue(parsing: body) } }

  /// The message of an error, in OpenAI's form.
  var message: String? {
    get throws { try document["error"]?["message"]?.stringValue }
  }

  /// The documents of server-sent events, and whether `[DONE]` ended them.
  var events: (documents: [JSONValue], isDone: Bool) {
    get throws {
      let lines = text.components(separatedBy: "\n\n").filter { !$0.isEmpty }
      let data = try lines.map { line in
        try #require(line.hasPrefix("data: "), "\(line)")
        return String(line.dropFirst("data: ".count))
      }
      let documents = try data.filter { $0 != "[DONE]" }.map { try JSONValue(parsing: $0) }
      return (documents, data.last == "[DONE]")
    }
  }
}

/// Asks a server on loopback, a connection a request.
struct Client: Sendable {
  let port: UInt16

  func get(_ path: String, headers: [String] = []) async throws -> Response {
    try await send("GET", path, headers: headers)
  }

  func post(_ path: String, _ body: JSONValue, headers: [String] = []) async throws -> Response {
    try await send("POST", path, headers: headers, body: Array(body.compact.utf8))
  }

  func send(_ method: String, _ path: String, headers: [String] = [], body: [UInt8] = [])
    async throws -> Response
  {
    let socket = try await connect()
    defer { close(socket) }
    try await socket.write(
      request(method, path, headers + ["Content-Length: \(body.count)"]) + Data(body))
    return try await Self.response(socket)
  }

  func request(_ method: String, _ path: String, _ headers: [String]) -> Data {
    let lines =
      ["\(method) \(path) HTTP/1.1", "Host: 127.0.0.1:\(port)", "Connection: close"] + headers
    return Data((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8)
  }

  func connect() async throws -> AsyncSocket {
    try await AsyncSocket.connected(to: sockaddr_in.inet(ip4: "127.0.0.1", port: port))
  }

  func close(_ socket: AsyncSocket) {
    do { try socket.close() } catch { Issue.record("\(error)") }
  }

  static func response(_ socket: AsyncSocket) async throws -> Response {
    var bytes: [UInt8] = []
    do {
      while true { bytes += try await socket.read(atMost: 4096) }
    } catch SocketError.disconnected {}
    let end = try #require(bytes.firstRange(of: Array("\r\n\r\n".utf8)))
    let lines = String(decoding: bytes[..<end.lowerBound], as: UTF8.self)
      .components(separatedBy: "\r\n")
    let status = try #require(Int(lines[0].split(separator: " ")[1]))
    let headers = Dictionary(
      uniqueKeysWithValues: lines.dropFirst().map { line in
        let parts = line.split(separator: ":", maxSplits: 1)
        return (parts[0].lowercased(), parts[1].trimmingCharacters(in: .whitespaces))
      })
    let body = Array(bytes[end.upperBound...])
    let isChunked = headers["transfer-encoding"] == "chunked"
    return Response(
      status: status, headers: headers, body: isChunked ? try unchunked(body) : body)
  }

  private static func unchunked(_ bytes: [UInt8]) throws -> [UInt8] {
    var (rest, body) = (bytes[...], [UInt8]())
    while true {
      let line = try #require(rest.firstRange(of: Array("\r\n".utf8)))
      let count = try #require(
        Int(String(decoding: rest[..<line.lowerBound], as: UTF8.self), radix: 16))
      if count == 0 { return body }
      body += rest[line.upperBound..<line.upperBound + count]
      rest = rest[(line.upperBound + count + 2)...]
    }
  }
}

import FlyingFox
import FlyingSocks
import Foundation
import Synchronization

/// Between the package's requests and the service: who may ask, how much a body may hold, and who has
/// gone away.
final class HTTPFront: HTTPHandler {
  private let service: Service
  private let token: AccessToken?
  private let pending = Mutex(0)
  private let port = Mutex<UInt16?>(nil)

  init(_ service: Service, token: AccessToken?) {
    self.service = service
    self.token = token
  }

  /// Requests whose answers are not written yet.
  var openRequests: Int { pending.withLock { $0 } }

  /// Where the server listens, once it does: before, clients that go away are not noticed.
  func listens(at port: UInt16) { self.port.withLock { $0 = port } }

  func handleRequest(_ request: HTTPRequest) async throws -> HTTPResponse {
    pending.withLock { $0 += 1 }
    let mark = OpenRequest { [self] in pending.withLock { $0 -= 1 } }
    let start = service.clock()
    var label = "other"
    var body: Body = .unread
    do throws(RequestError) {
      let endpoint = try Endpoint(method: request.method.rawValue, path: request.path)
      label = endpoint.label
      try admit(request, to: endpoint)
      let bytes = try await read(request, &body)
      let answer = try await answer(endpoint, bytes, to: request)
      count(label, answer, since: start)
      return response(to: answer, mark)
    } catch {
      if body == .unread { body = await discard(request) }
      let answer = Answer.error(error)
      count(label, answer, since: start)
      return response(to: answer, closes: body != .read, mark)
    }
  }

  private func admit(_ request: HTTPRequest, to endpoint: Endpoint) throws(RequestError) {
    if let token {
      guard endpoint == .health || token.admits(request.headers[.authorization]) else {
        throw RequestError(
          401, "invalid_api_key",
          "the server's token is missing or another; send it as Authorization: Bearer TOKEN (api_key "
            + "in OpenAI's client)")
      }
    } else if !ListeningAddress.isLocal(host: request.headers[.host]) {
      throw RequestError(
        403, "foreign_host",
        "the Host header names another machine; without a token only this one is answered")
    }
    if service.isStopping, !endpoint.isOfOperation { throw .stopping }
  }

  private func answer(
    _ endpoint: Endpoint, _ bytes: [UInt8], to request: HTTPRequest
  ) async throws(RequestError) -> Answer {
    let service = service
    guard endpoint.isLong, let port = port.withLock({ $0 }),
      let peer = Peer(at: request.remoteAddress, to: port)
    else {
      return try await service.answer(endpoint, bytes)
    }
    let work = Task { await service.result(endpoint, bytes) }
    let watch = peer.watch { work.cancel() }
    // Also after a refusal: a connection that is kept would be watched by every one of its requests.
    defer { watch.cancel() }
    let answer = try await work.value.get()
    if case .stream(let ticket, _, _) = answer {
      // Ends with the ticket, which ends with whoever reads the answer.
      ticket.keep(peer.watch { ticket.cancel() })
    }
    return answer
  }

  // MARK: Bodies

  private enum Body {
    case unread
    case read
    /// The rest is not known: the connection is of no more use.
    case torn
  }

  private func read(
    _ request: HTTPRequest, _ body: inout Body
  ) async throws(RequestError) -> [UInt8] {
    let limits = service.limits
    let tooLarge = RequestError(
      413, "body_too_large",
      "the body has more than \(limits.bodyBytes) bytes, which is what this server takes")
    if let count = request.bodySequence.count, count > limits.bodyBytes { throw tooLarge }
    body = .torn
    let bytes: [UInt8]
    do {
      bytes = try await withinSeconds(limits.bodySeconds) {
        try await Self.bytes(of: request.bodySequence, limit: limits.bodyBytes)
      }
    } catch is TooManyBytes {
      throw tooLarge
    } catch is TimeIsOver {
      throw RequestError(
        408, "request_timeout",
        "the body did not arrive within \(Int(limits.bodySeconds)) s; send the request again")
    } catch {
      throw RequestError(
        400, "incomplete_body", "the body ends before its length, or its chunks are broken")
    }
    body = .read
    return bytes
  }

  private struct TooManyBytes: Error {}

  private static func bytes(of body: HTTPBodySequence, limit: Int) async throws -> [UInt8] {
    var bytes: [UInt8] = []
    for try await part in body {
      bytes += part
      if bytes.count > limit { throw TooManyBytes() }
    }
    return bytes
  }

  /// Reads a body that nobody wants, if it is short: a connection that is closed with unread bytes
  /// takes the answer with it.
  private func discard(_ request: HTTPRequest) async -> Body {
    let limit = 1 << 20
    do {
      if let count = request.bodySequence.count, count <= limit {
        _ = try await withinSeconds(2) {
          try await Self.bytes(of: request.bodySequence, limit: limit)
        }
        return .read
      }
      try await withinSeconds(2) {
        var left = limit
        for try await part in request.bodySequence where left > 0 {
          left -= part.count
          if left <= 0 { return }
        }
      }
    } catch {
      return .torn
    }
    return .torn
  }

  // MARK: Responses

  private func count(_ label: String, _ answer: Answer, since start: Double) {
    var status = 200
    if case .whole(let given, _, _) = answer { status = given }
    service.metrics.count(endpoint: label, status: status, seconds: service.clock() - start)
  }

  private func response(
    to answer: Answer, closes: Bool = false, _ mark: OpenRequest
  ) -> HTTPResponse {
    switch answer {
    case .whole(let status, let type, let bytes):
      var headers: HTTPHeaders = [.contentType: type]
      if closes { headers[.connection] = "close" }
      if status == 429 || status == 503 { headers[HTTPHeader("Retry-After")] = "1" }
      if status == 401 { headers[HTTPHeader("WWW-Authenticate")] = "Bearer" }
      return HTTPResponse(
        statusCode: HTTPStatusCode(status, phrase: Self.phrase(status)), headers: headers,
        body: HTTPBodySequence(
          from: WholeBody(bytes: bytes, closes: closes, request: mark), count: bytes.count))
    case .stream(let ticket, let events, let lines):
      return HTTPResponse(
        statusCode: .ok,
        headers: [
          .contentType: "text/event-stream; charset=utf-8", .cacheControl: "no-cache",
        ],
        body: HTTPBodySequence(
          from: EventBody(ticket: ticket, events: events, lines: lines, request: mark)))
    }
  }

  private static func phrase(_ status: Int) -> String {
    let phrases = [
      200: "OK", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found",
      405: "Method Not Allowed", 408: "Request Timeout", 413: "Payload Too Large",
      429: "Too Many Requests", 499: "Client Closed Request", 500: "Internal Server Error",
      503: "Service Unavailable",
    ]
    return phrases[status] ?? "Error"
  }
}

import Documents

/// Why a request is not answered, as OpenAI's clients read it.
public struct RequestError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The HTTP status.
  public let status: Int
  /// What is wrong, what was expected, what to do: one sentence.
  public let message: String
  /// A word for programs: `model_not_found`.
  public let code: String

  init(_ status: Int, _ code: String, _ message: String) {
    self.status = status
    self.code = code
    self.message = message
  }

  /// All mistakes of a request's document.
  init(_ error: DocumentError) {
    self.init(
      400, "invalid_request",
      error.lines.map { $0.replacing("\n", with: " ") }.joined(separator: "; "))
  }

  public var description: String { message }

  private var type: String {
    switch status {
    case 401, 403: "authentication_error"
    case 408, 504: "timeout_error"
    case 429: "rate_limit_error"
    case 500...: "server_error"
    default: "invalid_request_error"
    }
  }

  var document: JSONValue {
    [
      "error": [
        "message": .string(message), "type": .string(type), "param": nil, "code": .string(code),
      ]
    ]
  }
}

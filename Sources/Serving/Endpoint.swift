/// What can be asked for.
enum Endpoint: Sendable, Equatable {
  case health
  case metrics
  case models
  case model(String)
  case completions
  case chatCompletions

  /// - Throws: 404 and 405.
  init(method: String, path: String) throws(RequestError) {
    let known: (endpoint: Endpoint, method: String)? =
      switch path {
      case "/health": (.health, "GET")
      case "/metrics": (.metrics, "GET")
      case "/v1/models": (.models, "GET")
      case "/v1/completions": (.completions, "POST")
      case "/v1/chat/completions": (.chatCompletions, "POST")
      case _ where path.hasPrefix("/v1/models/") && path.utf8.count > "/v1/models/".utf8.count:
        (.model(String(path.dropFirst("/v1/models/".count))), "GET")
      default: nil
      }
    guard let known else {
      throw RequestError(
        404, "unknown_url",
        "there is no \(path.prefix(200)) here; expected /v1/completions, /v1/chat/completions, "
          + "/v1/models, /health or /metrics")
    }
    guard method == known.method else {
      throw RequestError(
        405, "method_not_allowed",
        "\(path) is asked with \(known.method), found \(method.prefix(20))")
    }
    self = known.endpoint
  }

  /// As metrics name it: clients must not make up names without end.
  var label: String {
    switch self {
    case .health: "/health"
    case .metrics: "/metrics"
    case .models, .model: "/v1/models"
    case .completions: "/v1/completions"
    case .chatCompletions: "/v1/chat/completions"
    }
  }

  /// Whether its answer may take so long that its client goes away.
  var isLong: Bool { self == .completions || self == .chatCompletions }

  /// Whether it is answered while the server stops.
  var isOfOperation: Bool { self == .health || self == .metrics }
}

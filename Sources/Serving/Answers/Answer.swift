import Documents

/// What goes back to a client.
enum Answer: Sendable {
  case whole(status: Int, type: String, [UInt8])
  /// Server-sent events.
  case stream(Ticket, AsyncStream<GenerationEvent>, EventLines)

  static func document(_ document: JSONValue, status: Int = 200) -> Answer {
    .whole(status: status, type: "application/json", Array((document.compact + "\n").utf8))
  }

  static func error(_ error: RequestError) -> Answer {
    document(error.document, status: error.status)
  }
}

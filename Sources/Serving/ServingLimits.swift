/// How much one request, and all of them together, may ask for.
public struct ServingLimits: Sendable {
  /// Sequences that are read and continued at one time.
  public var sequences = 32
  /// Sequences that may wait for a place; more are turned away.
  public var waiting = 128
  /// Bytes of a request's body.
  public var bodyBytes = 4 << 20
  /// Tokens of a prompt.
  public var promptTokens = 8192
  /// Tokens generated for one choice.
  public var newTokens = 4096
  /// Seconds from a request's arrival to its last token.
  public var requestSeconds = 600.0
  /// Seconds in which a request's body has to arrive.
  public var bodySeconds = 30.0
  /// Seconds that a connection may be silent, or its client may leave an answer unread.
  public var idleSeconds = 300.0

  /// Those of a server that nobody has told otherwise.
  public init() {}
}

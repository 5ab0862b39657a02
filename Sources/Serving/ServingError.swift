import Documents

/// Why a server cannot be.
public enum ServingError: ExitCoded, Equatable, CustomStringConvertible {
  /// No address that one can listen on.
  case address(String)
  /// Others could reach the server, and nothing keeps them from it.
  case unguarded(host: String)
  case token(String)
  /// The system does not let this process listen.
  case listening(String, reason: String)
  /// It does not let it listen any longer.
  case cut(String, reason: String)

  public var exitCode: ExitCode {
    switch self {
    case .address, .unguarded, .token: .usage
    case .listening, .cut: .inputOutput
    }
  }

  public var description: String {
    switch self {
    case .address(let host):
      "the host is \"\(host)\", expected an address such as 127.0.0.1, 0.0.0.0 or ::1, or localhost"
    case .unguarded(let host):
      "on \(host) other machines could use the model; give a token with --token-file or in "
        + "LINEARIZE_TOKEN, or stay on 127.0.0.1"
    case .token(let reason): reason
    case .listening(let address, let reason):
      "cannot listen on \(address): \(reason); name another port with --port"
    case .cut(let address, let reason):
      "no connections come in on \(address) any more: \(reason); start the server again, with room "
        + "for more open files (ulimit -n) if those are too many"
    }
  }
}

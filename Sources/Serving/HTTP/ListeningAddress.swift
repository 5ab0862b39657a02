import FlyingFox
import FlyingSocks

/// Where a server is reached.
public struct ListeningAddress: Sendable, CustomStringConvertible {
  /// An address; `localhost` is 127.0.0.1.
  public let host: String
  /// 0 lets the system choose one.
  public var port: UInt16

  private let isSix: Bool

  /// - Throws: `ServingError.address` for what is no address.
  public init(host: String, port: UInt16) throws {
    self.host = host == "localhost" ? "127.0.0.1" : host
    self.port = port
    isSix = self.host.contains(":")
    do {
      _ = try socketAddress
    } catch {
      throw ServingError.address(host)
    }
  }

  /// Whether no other machine reaches it.
  public var isLoopback: Bool { host.hasPrefix("127.") || host == "::1" }

  /// `127.0.0.1:8080`.
  public var description: String { isSix ? "[\(host)]:\(port)" : "\(host):\(port)" }

  var socketAddress: any SocketAddress {
    get throws {
      isSix ? try .inet6(ip6: host, port: port) : try .inet(ip4: host, port: port)
    }
  }

  /// Whether a request's `Host` is a name of this machine alone: a page of another site cannot make a
  /// browser ask for its own name here.
  static func isLocal(host: String?) -> Bool {
    guard let host = host?.lowercased() else { return true }
    return ["localhost", "127.0.0.1", "[::1]"].contains {
      host == $0 || host.hasPrefix($0 + ":")
    }
  }
}

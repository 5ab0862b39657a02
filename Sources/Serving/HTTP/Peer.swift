import FlyingFox
import FlyingSocks
import Foundation

/// The client at the other end of a request's connection.
///
/// The package reads no connection while a request is answered, so it does not notice a client that
/// goes away before the answer is written. The system knows.
struct Peer: Sendable {
  private let socket: Int32

  /// nil where the connection cannot be told.
  ///
  /// - Parameter port: where the server listens: a client may ask two servers of one process from the
  ///   same port of its own.
  init?(at address: HTTPRequest.Address?, to port: UInt16) {
    guard let address, let socket = Self.socket(from: address, to: port) else { return nil }
    self.socket = socket
  }

  private static func socket(from address: HTTPRequest.Address, to port: UInt16) -> Int32? {
    let names: [String]
    do {
      names = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")
    } catch {
      return nil
    }
    let found = names.compactMap { Int32($0) }.filter { number in
      let socket = Socket(file: .init(rawValue: number))
      do {
        let peer = HTTPRequest.Address.make(from: try socket.remotePeer())
        return try peer == address && Self.port(socket.sockname()) == port
      } catch {
        return false
      }
    }
    // Who takes one connection for another ends an answer that somebody waits for.
    return found.count == 1 ? found[0] : nil
  }

  private static func port(_ address: Socket.Address) -> UInt16? {
    switch address {
    case .ip4(_, let port), .ip6(_, let port): port
    case .unix: nil
    }
  }

  /// Whether the client has closed its side: nothing is read, and a byte that waits is left there.
  var isGone: Bool {
    var byte: UInt8 = 0
    let count = recv(socket, &byte, 1, Int32(MSG_PEEK) | Int32(MSG_DONTWAIT))
    if count > 0 { return false }
    return count == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
  }

  /// Looks five times a second whether the client has gone, until it has or the task is cancelled.
  func watch(_ onGone: @escaping @Sendable () -> Void) -> Task<Void, any Error> {
    Task {
      repeat { try await Task.sleep(nanoseconds: 200_000_000) } while !isGone
      onGone()
    }
  }
}

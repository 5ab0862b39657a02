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
  init?(of request: HTTPRequest) {
    guard let address = request.remoteAddress, let socket = Self.socket(to: address) else {
      return nil
    }
    self.socket = socket
  }

  private static func socket(to address: HTTPRequest.Address) -> Int32? {
    let names: [String]
    do {
      names = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")
    } catch {
      return nil
    }
    return names.compactMap { Int32($0) }.first { number in
      do {
        let peer = try Socket(file: .init(rawValue: number)).remotePeer()
        return HTTPRequest.Address.make(from: peer) == address
      } catch {
        return false
      }
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

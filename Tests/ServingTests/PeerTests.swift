import FlyingFox
import FlyingSocks
import Foundation
import Testing

@testable import Serving

@Suite struct PeerTests {
  /// The system gives one port to several connections if they go to different servers.
  @Test func `A client is told from another that asks another server from the same port`() throws {
    let (here, elsewhere) = (try Listener(), try Listener())
    defer { for listener in [here, elsewhere] { close(listener.socket) } }
    let socket = try here.connect(from: 0)
    let own = try #require(Listener.port(try socket.sockname()))
    let other = try elsewhere.connect(from: own)
    let (peer, otherPeer) = (try here.accept(), try elsewhere.accept())
    defer { for socket in [peer, otherPeer] { close(socket.file.rawValue) } }

    let address = HTTPRequest.Address.ip4("127.0.0.1", port: own)
    let found = try #require(Peer(at: address, to: here.port))
    let otherFound = try #require(Peer(at: address, to: elsewhere.port))
    #expect(!found.isGone && !otherFound.isGone)
    try other.close()
    #expect(!found.isGone && otherFound.isGone)
    try socket.close()
    #expect(found.isGone)
    #expect(Peer(at: .ip4("127.0.0.2", port: own), to: here.port) == nil)
  }

  private struct Listener {
    let socket: Int32
    let port: UInt16

    init() throws {
      let socket = try Socket(domain: AF_INET, type: .stream)
      try socket.bind(to: sockaddr_in.inet(ip4: "127.0.0.1", port: 0))
      try socket.listen()
      self.socket = socket.file.rawValue
      port = try #require(Self.port(try socket.sockname()))
    }

    func connect(from own: UInt16) throws -> Socket {
      let client = try Socket(domain: AF_INET, type: .stream)
      try client.setValue(true, for: .localAddressReuse)
      try client.bind(to: sockaddr_in.inet(ip4: "127.0.0.1", port: own))
      try client.connect(to: sockaddr_in.inet(ip4: "127.0.0.1", port: port))
      return client
    }

    func accept() throws -> Socket {
      Socket(file: try Socket(file: .init(rawValue: socket)).accept().file)
    }

    static func port(_ address: Socket.Address) -> UInt16? {
      if case .ip4(_, let port) = address { port } else { nil }
    }
  }
}

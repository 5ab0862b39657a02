import Documents
import Foundation

/// What a client has to know to be answered. It is never written anywhere.
public struct AccessToken: Sendable {
  /// Bytes that a token needs to be worth anything.
  public static let minimumLength = 16
  private let bytes: [UInt8]

  /// - Parameters:
  ///   - text: the token; blanks around it do not count.
  ///   - origin: where it was found, for messages.
  /// - Throws: `ServingError` for one that is too short, or could not stand in a header.
  public init(_ text: String, from origin: String) throws {
    let text = text.trimmingCharacters(in: .whitespacesAndNewlines)
    guard text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
      throw ServingError.token(
        "\(origin): the token has blanks or characters that are no ASCII; expected one word of at least "
          + "\(Self.minimumLength) letters and digits")
    }
    guard text.utf8.count >= Self.minimumLength else {
      throw ServingError.token(
        "\(origin): the token has \(text.utf8.count) characters, expected at least "
          + "\(Self.minimumLength); openssl rand -hex 32 makes one")
    }
    bytes = Array(text.utf8)
  }

  /// Whether a request's `Authorization` says `Bearer` and the token. Takes the same time wherever the
  /// first difference is.
  func admits(_ authorization: String?) -> Bool {
    let prefix = "Bearer "
    guard let authorization, authorization.lowercased().hasPrefix(prefix.lowercased()) else {
      return false
    }
    let given = Array(authorization.utf8.dropFirst(prefix.utf8.count))
    var difference = given.count ^ bytes.count
    for (place, byte) in bytes.enumerated() {
      difference |= Int(byte ^ (given.isEmpty ? 0 : given[place % given.count]))
    }
    return difference == 0
  }
}

/// Decodes ids that arrive one by one, as in generation.
///
/// The concatenation of everything returned, `finish()` included, is what `decode` returns for all
/// ids at once. Only complete characters are returned: what a later id could still change is held
/// back.
public struct StreamingDecoder: Sendable {
  private let tokenizer: Tokenizer
  private let skipSpecialTokens: Bool
  /// Bytes of an unfinished character, for decoders whose tokens are bytes.
  private var heldBytes: [UInt8] = []
  /// The last spelling that has been returned as text: decoders treat the first differently.
  private var context: [[UInt8]] = []
  private var held: [[UInt8]] = []

  /// A decoder at the start of a text.
  ///
  /// - Parameter skipSpecialTokens: Whether tokens such as end-of-text leave no trace.
  public init(_ tokenizer: Tokenizer, skipSpecialTokens: Bool = false) {
    self.tokenizer = tokenizer
    self.skipSpecialTokens = skipSpecialTokens
  }

  /// The text that is certain after one more id; often empty.
  public mutating func append(_ id: Int32) -> String {
    guard let spelling = tokenizer.spelling(of: id, skipSpecialTokens: skipSpecialTokens) else {
      return ""
    }
    guard let decoder = tokenizer.decoder else {
      defer { context = [spelling] }
      return (context.isEmpty ? "" : " ") + String(decoding: spelling, as: UTF8.self)
    }
    if decoder.isByteLevel {
      heldBytes.append(contentsOf: ByteLevelAlphabet.bytes(spelledBy: spelling))
      let complete = heldBytes.count - Self.unfinishedLength(heldBytes)
      defer { heldBytes.removeFirst(complete) }
      return String(decoding: heldBytes[..<complete], as: UTF8.self)
    }
    held.append(spelling)
    // One more byte token can make the whole run of byte tokens valid or invalid.
    if decoder.spellsBytesAsTokens, TokenDecoder.byte(of: spelling) != nil { return "" }
    return release(decoder)
  }

  /// The text of what was still held back.
  public mutating func finish() -> String {
    guard let decoder = tokenizer.decoder else { return "" }
    if decoder.isByteLevel {
      defer { heldBytes = [] }
      return String(decoding: heldBytes, as: UTF8.self)
    }
    return release(decoder)
  }

  private mutating func release(_ decoder: TokenDecoder) -> String {
    guard let last = held.last else { return "" }
    let before = decoder.apply(to: context).joined()
    let after = decoder.apply(to: context + held).joined()
    if !last.isEmpty { context = [last] }
    held = []
    return String(decoding: after.dropFirst(before.count), as: UTF8.self)
  }

  /// How many bytes at the end begin a UTF-8 sequence that further bytes could complete.
  private static func unfinishedLength(_ bytes: [UInt8]) -> Int {
    for length in 1...3 where length <= bytes.count {
      let lead = bytes[bytes.count - length]
      if lead & 0xC0 == 0x80 { continue }
      let expected =
        switch lead {
        case 0xC2...0xDF: 2
        case 0xE0...0xEF: 3
        case 0xF0...0xF4: 4
        default: 1
        }
      guard expected > length else { return 0 }
      // A second byte that no valid sequence has is an error now, whatever follows.
      let isPossible = length == 1 || isSecondByte(bytes[bytes.count - length + 1], after: lead)
      return isPossible ? length : 0
    }
    return 0
  }

  private static func isSecondByte(_ byte: UInt8, after lead: UInt8) -> Bool {
    switch lead {
    case 0xE0: (0xA0...0xBF).contains(byte)
    case 0xED: (0x80...0x9F).contains(byte)
    case 0xF0: (0x90...0xBF).contains(byte)
    case 0xF4: (0x80...0x8F).contains(byte)
    default: (0x80...0xBF).contains(byte)
    }
  }
}

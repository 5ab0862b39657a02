/// GPT-2's reversible spelling of arbitrary bytes as printable characters: printable Latin-1 bytes
/// stand for themselves, the other 68 are moved to U+0100…U+0143.
enum ByteLevelAlphabet {
  /// The scalar that spells each byte; all are below U+0800, so one or two bytes of UTF-8.
  static let scalars: [UInt16] = {
    var next: UInt16 = 0x100
    return (0..<256).map { byte in
      switch byte {
      case 0x21...0x7E, 0xA1...0xAC, 0xAE...0xFF:
        return UInt16(byte)
      default:
        defer { next += 1 }
        return next
      }
    }
  }()

  /// The byte that each scalar spells, or -1.
  private static let bytes: [Int16] = {
    var bytes = [Int16](repeating: -1, count: 0x144)
    for (byte, scalar) in scalars.enumerated() { bytes[Int(scalar)] = Int16(byte) }
    return bytes
  }()

  /// Appends the spelling of `source` to `output`.
  static func spell(_ source: UnsafeBufferPointer<UInt8>, into output: inout [UInt8]) {
    scalars.withUnsafeBufferPointer { scalars in
      for byte in source {
        let scalar = scalars[Int(byte)]
        if scalar < 0x80 {
          output.append(UInt8(scalar))
        } else {
          output.append(UInt8(0xC0 | scalar >> 6))
          output.append(UInt8(0x80 | scalar & 0x3F))
        }
      }
    }
  }

  /// The bytes that a token spells; a token with a character outside the alphabet is text itself.
  static func bytes(spelledBy token: [UInt8]) -> [UInt8] {
    var output: [UInt8] = []
    output.reserveCapacity(token.count)
    let isSpelled = token.withUnsafeBufferPointer { token in
      var position = 0
      while position < token.count {
        let (code, next) = decodeScalar(token.baseAddress!, position)
        guard code < 0x144, bytes[Int(code)] >= 0 else { return false }
        output.append(UInt8(bytes[Int(code)]))
        position = next
      }
      return true
    }
    return isSpelled ? output : token
  }
}

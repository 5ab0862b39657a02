/// What the split patterns distinguish about a Unicode scalar, one byte of flags each.
///
/// The classes are those of the `tokenizers` package, whose parts follow different versions of
/// Unicode: its patterns (Oniguruma, regex) know 16.0, its digits (Rust) 17.0, its punctuation 8.0.
/// Scalars assigned later have no class, so the system's newer tables cannot change a tokenisation.
enum ScalarClasses {
  /// `\p{L}` of a pattern.
  static let letter: UInt8 = 1
  /// `\p{N}` of a pattern.
  static let number: UInt8 = 2
  /// `\s` everywhere.
  static let whitespace: UInt8 = 4
  /// What the pre-tokeniser Digits separates.
  static let digit: UInt8 = 8
  /// `\w` of the pre-tokeniser Whitespace and of added tokens that match whole words only.
  static let word: UInt8 = 16
  /// What the pre-tokeniser Punctuation separates.
  static let punctuation: UInt8 = 32
  /// `\w` and `\b` of a pattern: `bracketWord` and the numbers of Latin-1.
  static let patternWord: UInt8 = 64
  /// `\w` within the brackets of a pattern: `word` without the two joiners.
  static let bracketWord: UInt8 = 128

  /// Flags of the scalars below `limit`. Above it only variation selectors have a class.
  static let table: [UInt8] = (0..<UInt32(limit)).map { code in
    Unicode.Scalar(code).map(flags) ?? 0
  }

  /// The first scalar after all letters that Unicode 17 assigns.
  static let limit = 0x33480

  @inline(__always)
  static func flags(above code: UInt32) -> UInt8 {
    (0xE0100...0xE01EF).contains(code) ? word | patternWord | bracketWord : 0
  }

  private static func flags(of scalar: Unicode.Scalar) -> UInt8 {
    let properties = scalar.properties
    var flags: UInt8 = properties.isWhitespace ? whitespace : 0
    guard let age = properties.age, age.major <= 17 else { return flags }
    switch properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter:
      flags |= letter
    case .decimalNumber:
      flags |= number | digit | word
    case .letterNumber, .otherNumber:
      flags |= number | digit
    case .nonspacingMark, .spacingMark, .enclosingMark:
      flags |= word
    case .connectorPunctuation:
      flags |= punctuation | word
    case .dashPunctuation, .openPunctuation, .closePunctuation, .initialPunctuation,
      .finalPunctuation, .otherPunctuation:
      flags |= punctuation
    default:
      break
    }
    if properties.isAlphabetic || properties.isJoinControl { flags |= word }
    if age.major > 16 { flags &= ~(letter | number | word) }
    if flags & word != 0, !properties.isJoinControl {
      flags |= patternWord | bracketWord
    }
    if age.major > 8 { flags &= ~punctuation }
    switch scalar.value {
    case 0x21...0x2F, 0x3A...0x40, 0x5B...0x60, 0x7B...0x7E: flags |= punctuation
    // Punctuation in Unicode 8 that was later reclassified.
    case 0x166D, 0x111C9: flags |= punctuation
    // Raised digits and fractions.
    case 0xB2, 0xB3, 0xB9, 0xBC...0xBE: flags |= patternWord
    default: break
    }
    return flags
  }
}

/// Reads scalars and their classes out of valid UTF-8.
struct ScalarCursor {
  let bytes: UnsafePointer<UInt8>
  /// One past the last byte that may be read.
  let end: Int
  let classes: UnsafePointer<UInt8>

  /// The class of the scalar at a position and the position after it. At the end: no class, and
  /// `next` equal to `position`.
  @inline(__always)
  func read(_ position: Int) -> (flags: UInt8, next: Int) {
    if position >= end { return (0, position) }
    let byte = bytes[position]
    if byte < 0x80 { return (classes[Int(byte)], position + 1) }
    let (code, next) = scalar(position)
    if code < UInt32(ScalarClasses.limit) { return (classes[Int(code)], next) }
    return (ScalarClasses.flags(above: code), next)
  }

  @inline(__always)
  func scalar(_ position: Int) -> (code: UInt32, next: Int) { decodeScalar(bytes, position) }

  /// The end of the run of scalars, from `position` on, that have one of the given flags.
  @inline(__always)
  func run(of flags: UInt8, from position: Int) -> Int {
    var position = position
    while position < end {
      let scalar = read(position)
      if scalar.flags & flags == 0 { break }
      position = scalar.next
    }
    return position
  }

  /// The end of the run of scalars, from `position` on, that have none of the given flags.
  @inline(__always)
  func run(without flags: UInt8, from position: Int) -> Int {
    var position = position
    while position < end {
      let scalar = read(position)
      if scalar.flags & flags != 0 { break }
      position = scalar.next
    }
    return position
  }

  /// The start of the scalar that ends before `position`.
  @inline(__always)
  func previous(_ position: Int) -> Int {
    var position = position - 1
    while bytes[position] & 0xC0 == 0x80 { position -= 1 }
    return position
  }
}

/// The scalar at a position of valid UTF-8 and the position after it.
@inline(__always)
func decodeScalar(_ bytes: UnsafePointer<UInt8>, _ position: Int) -> (code: UInt32, next: Int) {
  let lead = UInt32(bytes[position])
  if lead < 0x80 { return (lead, position + 1) }
  let second = UInt32(bytes[position + 1] & 0x3F)
  if lead < 0xE0 { return ((lead & 0x1F) << 6 | second, position + 2) }
  let third = UInt32(bytes[position + 2] & 0x3F)
  if lead < 0xF0 { return ((lead & 0x0F) << 12 | second << 6 | third, position + 3) }
  let fourth = UInt32(bytes[position + 3] & 0x3F)
  return ((lead & 0x07) << 18 | second << 12 | third << 6 | fourth, position + 4)
}

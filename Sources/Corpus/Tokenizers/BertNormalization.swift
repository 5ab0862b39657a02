/// BERT's own rewriting of text before it is split, as the `tokenizers` package does it.
struct BertNormalization: Sendable {
  /// Drops control characters and makes every white space a space.
  let cleansText: Bool
  /// Sets ideographs apart, so that each becomes a word.
  let separatesIdeographs: Bool
  let stripsAccents: Bool
  let lowercases: Bool

  init(_ component: TokenizerComponent) throws {
    cleansText = try component.boolean("clean_text", default: true)
    separatesIdeographs = try component.boolean("handle_chinese_chars", default: true)
    lowercases = try component.boolean("lowercase", default: true)
    let strips = component.value("strip_accents")
    stripsAccents =
      strips == nil || strips!.isNull
      ? lowercases : try component.boolean("strip_accents", default: true)
  }

  func apply(to bytes: [UInt8]) -> [UInt8] {
    var scalars = Array(String(decoding: bytes, as: UTF8.self).unicodeScalars)
    if cleansText {
      scalars = scalars.compactMap { scalar in
        if Self.isDropped(scalar) { return nil }
        return scalar.properties.isWhitespace ? " " : scalar
      }
    }
    if separatesIdeographs {
      scalars = scalars.flatMap { Self.isIdeograph($0) ? [" ", $0, " "] : [$0] }
    }
    if stripsAccents {
      scalars = Array(
        String(
          decoding: UnicodeNormalization.normalize(Self.bytes(scalars), .decomposed),
          as: UTF8.self
        ).unicodeScalars
      ).filter { !Self.isNonspacingMark($0) }
    }
    var output = Self.bytes(scalars)
    if lowercases {
      var text = Normalizer.Text(bytes: output, isStart: false)
      Normalizer.lowercase.apply(to: &text)
      output = text.bytes
    }
    return output
  }

  private static func bytes(_ scalars: [Unicode.Scalar]) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(scalars.count)
    for scalar in scalars { bytes.append(contentsOf: UTF8.encode(scalar)!) }
    return bytes
  }

  /// Control, format and private-use characters, NUL and U+FFFD; not the white space among them.
  private static func isDropped(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar {
    case "\t", "\n", "\r": return false
    case "\0", "\u{FFFD}": return true
    default: break
    }
    switch scalar.properties.generalCategory {
    case .control, .privateUse: return true
    case .format: return isInCategoryTables(scalar)
    default: return false
    }
  }

  private static func isNonspacingMark(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    // Reclassified since Unicode 8: no mark then, and a mark then.
    case 0x1885, 0x1886, 0xA9BD, 0x111C9: false
    case 0x1734: true
    default: scalar.properties.generalCategory == .nonspacingMark && isInCategoryTables(scalar)
    }
  }

  /// The package's tables of categories are those of Unicode 8.
  private static func isInCategoryTables(_ scalar: Unicode.Scalar) -> Bool {
    (scalar.properties.age?.major ?? .max) <= 8
  }

  /// The blocks that BERT's code lists; that the fourth begins at U+2B920 is the package's.
  private static func isIdeograph(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x4E00...0x9FFF, 0x3400...0x4DBF, 0x20000...0x2A6DF, 0x2A700...0x2B73F,
      0x2B740...0x2B81F, 0x2B920...0x2CEAF, 0xF900...0xFAFF, 0x2F800...0x2FA1F:
      true
    default: false
    }
  }
}

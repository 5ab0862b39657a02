/// A set of Unicode scalars as a split pattern describes it: ranges, general categories and white
/// space, or all others.
struct ScalarSet: Sendable, Equatable {
  private(set) var ranges: [ClosedRange<UInt32>] = []
  /// A bit a general category; see `categories(named:)`.
  private(set) var categories: UInt32 = 0
  private var hasWhitespace = false
  private var hasNonWhitespace = false
  /// Letters, marks, digits and what joins them: flags of `\w`.
  private var words: UInt8 = 0
  private var isNegated = false
  /// Sets of which all scalars are in this one too.
  private var parts: [ScalarSet] = []
  private var ignoresCase = false
  /// Whether each of the ASCII scalars is in the set, once it is complete.
  private var ascii: [Bool] = []

  static func single(_ code: UInt32) -> ScalarSet {
    var set = ScalarSet()
    set.insert(code...code)
    return set
  }

  mutating func insert(_ range: ClosedRange<UInt32>) { ranges.append(range) }
  mutating func insert(categories mask: UInt32) { categories |= mask }
  mutating func insert(_ set: ScalarSet) { parts.append(set) }
  mutating func insertWhitespace(_ isNegated: Bool) {
    if isNegated { hasNonWhitespace = true } else { hasWhitespace = true }
  }
  /// - Parameter isAlone: whether `\w` stands outside of brackets, where it has the numbers of Latin-1
  ///   too.
  mutating func insertWords(isAlone: Bool) {
    words = isAlone ? ScalarClasses.patternWord : ScalarClasses.bracketWord
  }
  mutating func negate() { isNegated.toggle() }

  /// The set ready to be asked.
  func completed(ignoringCase: Bool) -> ScalarSet {
    var set = self
    set.ignoresCase = ignoringCase
    set.ascii = []
    set.ascii = (0..<128).map { set.computes(UInt32($0)) }
    return set
  }

  @inline(__always)
  func contains(_ code: UInt32) -> Bool {
    code < 128 && !ascii.isEmpty ? ascii[Int(code)] : computes(code)
  }

  private func computes(_ code: UInt32) -> Bool {
    if holds(code) { return !isNegated }
    if ignoresCase, Self.variants(code).contains(where: holds) { return !isNegated }
    return isNegated
  }

  private func holds(_ code: UInt32) -> Bool {
    if ranges.contains(where: { $0.contains(code) }) { return true }
    if categories != 0, categories & Self.category(code) != 0 { return true }
    if hasWhitespace || hasNonWhitespace {
      if Self.isWhitespace(code) ? hasWhitespace : hasNonWhitespace { return true }
    }
    if words != 0, Self.flags(code) & words != 0 { return true }
    return parts.contains { $0.computes(code) }
  }

  /// The same letter in the other case, and the long s, which is an s when case is ignored.
  private static func variants(_ code: UInt32) -> [UInt32] {
    switch code {
    case 0x73, 0x53: return [0x73, 0x53, 0x17F]
    case 0x6B, 0x4B: return [0x6B, 0x4B, 0x212A]
    default:
      guard let properties = Unicode.Scalar(code)?.properties else { return [] }
      let upper = properties.uppercaseMapping
      return [properties.lowercaseMapping, upper, upper.lowercased()].compactMap {
        let scalars = $0.unicodeScalars
        return scalars.count == 1 ? scalars.first?.value : nil
      }
    }
  }

  // MARK: Properties

  private static func isWhitespace(_ code: UInt32) -> Bool {
    Unicode.Scalar(code)?.properties.isWhitespace ?? false
  }

  private static func flags(_ code: UInt32) -> UInt8 {
    Int(code) < ScalarClasses.limit
      ? ScalarClasses.table[Int(code)] : ScalarClasses.flags(above: code)
  }

  /// Names of general categories, in the order of their bits.
  private static let names = [
    "Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Pc", "Pd", "Ps", "Pe",
    "Pi", "Pf", "Po", "Sm", "Sc", "Sk", "So", "Zs", "Zl", "Zp", "Cc", "Cf", "Cs", "Co", "Cn",
  ]

  /// The categories that `\p{NAME}` means: one, or all of a letter. nil for another property.
  static func categories(named name: String) -> UInt32? {
    let aliases = ["Letter": "L", "Mark": "M", "Number": "N", "Punctuation": "P", "Symbol": "S"]
    let name = aliases[name] ?? name
    var mask: UInt32 = 0
    for (bit, known) in names.enumerated() where known == name || String(known.first!) == name {
      mask |= 1 << UInt32(bit)
    }
    return mask == 0 ? nil : mask
  }

  /// The bit of a scalar's category, as the patterns of the `tokenizers` package know it: of Unicode
  /// 16, later scalars are unassigned.
  static func category(_ code: UInt32) -> UInt32 {
    // A lower-case letter until Unicode 17 took its case away.
    if code == 0x295 { return 1 << 1 }
    guard let properties = Unicode.Scalar(code)?.properties else { return 1 << 27 }
    guard let age = properties.age, age.major <= 16 else {
      return properties.generalCategory == .privateUse ? 1 << 28 : 1 << 29
    }
    return 1 << bit(of: properties.generalCategory)
  }

  private static func bit(of category: Unicode.GeneralCategory) -> UInt32 {
    switch category {
    case .uppercaseLetter: 0
    case .lowercaseLetter: 1
    case .titlecaseLetter: 2
    case .modifierLetter: 3
    case .otherLetter: 4
    case .nonspacingMark: 5
    case .spacingMark: 6
    case .enclosingMark: 7
    case .decimalNumber: 8
    case .letterNumber: 9
    case .otherNumber: 10
    case .connectorPunctuation: 11
    case .dashPunctuation: 12
    case .openPunctuation: 13
    case .closePunctuation: 14
    case .initialPunctuation: 15
    case .finalPunctuation: 16
    case .otherPunctuation: 17
    case .mathSymbol: 18
    case .currencySymbol: 19
    case .modifierSymbol: 20
    case .otherSymbol: 21
    case .spaceSeparator: 22
    case .lineSeparator: 23
    case .paragraphSeparator: 24
    case .control: 25
    case .format: 26
    case .surrogate: 27
    case .privateUse: 28
    case .unassigned: 29
    @unknown default: 29
    }
  }
}

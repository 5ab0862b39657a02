import Foundation

/// Unicode normalisation (UAX #15) after Unicode 9.0, the version of the `tokenizers` package:
/// later scalars pass unchanged and stop marks from moving.
///
/// The system's normalisation is used for single scalars only: of sequences it leaves some apart
/// that compose (a Hangul syllable and a final consonant), does not order the marks that U+0F73
/// decomposes to, and takes U+E01B0 for U+01B0.
enum UnicodeNormalization {
  static func normalize(_ bytes: [UInt8], _ form: Normalizer.UnicodeForm) -> [UInt8] {
    // Below U+0300 nothing composes further; below U+0080 nothing decomposes.
    let limit: UInt8 = form == .composed ? 0xCC : 0x80
    if bytes.allSatisfy({ $0 < limit }) { return bytes }
    let isCompatible = form == .compatiblyComposed || form == .compatiblyDecomposed
    let decompositions = isCompatible ? compatibleDecompositions : canonicalDecompositions
    var scalars: [UInt32] = []
    scalars.reserveCapacity(bytes.count)
    bytes.withUnsafeBufferPointer { bytes in
      var position = 0
      while position < bytes.count {
        let (code, next) = decodeScalar(bytes.baseAddress!, position)
        appendDecomposition(of: code, decompositions, to: &scalars)
        position = next
      }
    }
    orderMarks(&scalars)
    if form == .composed || form == .compatiblyComposed { compose(&scalars) }
    var output: [UInt8] = []
    output.reserveCapacity(bytes.count)
    for code in scalars {
      guard let scalar = Unicode.Scalar(code), let encoded = UTF8.encode(scalar) else { continue }
      output.append(contentsOf: encoded)
    }
    return output
  }

  // MARK: Tables

  private static let canonicalDecompositions = decompositions(
    in: [0xC0..<0x3400, 0xF900..<0xFB50, 0x11000..<0x12000, 0x1D000..<0x1D200, 0x2F800..<0x2FA20]
  ) { $0.decomposedStringWithCanonicalMapping }

  private static let compatibleDecompositions = decompositions(
    in: [
      0xA0..<0x3400, 0xA600..<0xAC00, 0xF900..<0x10000, 0x11000..<0x12000, 0x1D000..<0x1D800,
      0x1EE00..<0x1EF00, 0x1F000..<0x1F300, 0x2F800..<0x2FA20,
    ]
  ) { $0.decomposedStringWithCompatibilityMapping }

  /// Full decompositions of the scalars in some ranges, where they differ from the scalar.
  private static func decompositions(
    in ranges: [Range<UInt32>], _ decompose: (String) -> String
  ) -> [UInt32: [UInt32]] {
    var table: [UInt32: [UInt32]] = [:]
    for code in ranges.joined() {
      guard let scalar = Unicode.Scalar(code), isKnown(scalar) else { continue }
      let parts = decompose(String(Character(scalar))).unicodeScalars.map(\.value)
      if parts != [code] { table[code] = parts }
    }
    return table
  }

  /// The scalar that two neighbours compose to, by the first shifted left 32 bits and the second.
  private static let compositions: [UInt64: UInt32] = {
    var wholes: [[UInt32]: UInt32] = [:]
    for (code, parts) in canonicalDecompositions where parts.count > 1 {
      guard let scalar = Unicode.Scalar(code) else { continue }
      let composed = String(Character(scalar)).precomposedStringWithCanonicalMapping
      // Scalars that are excluded from composition do not survive it.
      if composed.unicodeScalars.elementsEqual([scalar]) { wholes[parts] = code }
    }
    var pairs: [UInt64: UInt32] = [:]
    for (parts, code) in wholes {
      let start = parts.count == 2 ? parts[0] : wholes[Array(parts.dropLast())]
      if let start { pairs[UInt64(start) << 32 | UInt64(parts[parts.count - 1])] = code }
    }
    return pairs
  }()

  private static func isKnown(_ scalar: Unicode.Scalar) -> Bool {
    scalar.properties.age.map { $0.major <= 9 } ?? false
  }

  /// Canonical combining class; 0 for what is no mark.
  private static func combiningClass(_ code: UInt32) -> UInt8 {
    if code < 0x300 || (0x3100..<0xA000).contains(code) { return 0 }
    guard let scalar = Unicode.Scalar(code) else { return 0 }
    let value = scalar.properties.canonicalCombiningClass.rawValue
    return value > 0 && isKnown(scalar) ? value : 0
  }

  // MARK: Steps

  private static let syllables: Range<UInt32> = 0xAC00..<0xD7A4
  private static let leads: Range<UInt32> = 0x1100..<0x1113
  private static let vowels: Range<UInt32> = 0x1161..<0x1176
  /// The first of them stands for no final consonant.
  private static let finals: Range<UInt32> = 0x11A7..<0x11C3

  private static func appendDecomposition(
    of code: UInt32, _ decompositions: [UInt32: [UInt32]], to scalars: inout [UInt32]
  ) {
    if code < 0xA0 || (0x3400..<0xA600).contains(code) {
      scalars.append(code)
    } else if syllables.contains(code) {
      let index = code - syllables.lowerBound
      scalars.append(leads.lowerBound + index / (21 * 28))
      scalars.append(vowels.lowerBound + index % (21 * 28) / 28)
      if index % 28 > 0 { scalars.append(finals.lowerBound + index % 28) }
    } else if let parts = decompositions[code] {
      scalars.append(contentsOf: parts)
    } else {
      scalars.append(code)
    }
  }

  /// Sorts every run of marks by class; marks of one class keep their order.
  private static func orderMarks(_ scalars: inout [UInt32]) {
    var run: [(code: UInt32, order: UInt8)] = []
    for index in 0...scalars.count {
      let order = index < scalars.count ? combiningClass(scalars[index]) : 0
      if order > 0 {
        run.append((scalars[index], order))
        continue
      }
      if run.count > 1 {
        // `sort` is stable in practice but not by promise; the offset makes it so.
        let sorted = run.enumerated().sorted {
          ($0.element.order, $0.offset) < ($1.element.order, $1.offset)
        }
        for (offset, mark) in sorted.enumerated() {
          scalars[index - run.count + offset] = mark.element.code
        }
      }
      run.removeAll(keepingCapacity: true)
    }
  }

  private static func compose(_ scalars: inout [UInt32]) {
    var output: [UInt32] = []
    output.reserveCapacity(scalars.count)
    /// Where in the output the last starter is, if there is one.
    var starter: Int?
    var lastClass: UInt8 = 0
    for code in scalars {
      let order = combiningClass(code)
      if let starter {
        let isAdjacent = starter == output.count - 1
        // Blocked by a starter or by a mark of at least the same class in between.
        if isAdjacent || lastClass != 0 && lastClass < order,
          let whole = composition(output[starter], code)
        {
          output[starter] = whole
          continue
        }
      }
      if order == 0 { starter = output.count }
      lastClass = order
      output.append(code)
    }
    scalars = output
  }

  private static func composition(_ first: UInt32, _ second: UInt32) -> UInt32? {
    if leads.contains(first), vowels.contains(second) {
      let pair = (first - leads.lowerBound) * 21 + second - vowels.lowerBound
      return syllables.lowerBound + pair * 28
    }
    if syllables.contains(first), (first - syllables.lowerBound) % 28 == 0,
      finals.dropFirst().contains(second)
    {
      return first + second - finals.lowerBound
    }
    if second < 0x300 || (0x3400..<0xA600).contains(second) { return nil }
    return compositions[UInt64(first) << 32 | UInt64(second)]
  }
}

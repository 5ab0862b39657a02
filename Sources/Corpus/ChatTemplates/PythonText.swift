/// How Python spells and cuts text. Templates were written against Python, whose strings are
/// sequences of code points: Swift's characters (`\r\n` is one) and its canonical equivalence
/// would give other lengths, prefixes and comparisons.

func isPythonSpace(_ scalar: Unicode.Scalar) -> Bool {
  scalar.properties.isWhitespace || (0x1C...0x1F).contains(scalar.value)
}

/// `repr` of a string.
func pythonQuoted(_ text: String) -> String {
  let quote = UInt8(ascii: text.utf8.contains(0x27) && !text.utf8.contains(0x22) ? "\"" : "'")
  var result = [quote]
  result.reserveCapacity(text.utf8.count + 2)
  for scalar in text.unicodeScalars {
    switch scalar {
    case "\n": result += "\\n".utf8
    case "\r": result += "\\r".utf8
    case "\t": result += "\\t".utf8
    case _ where scalar == "\\" || scalar.value == UInt32(quote):
      result += [0x5C, UInt8(scalar.value)]
    case " "..."~": result.append(UInt8(scalar.value))
    case _ where scalar.isASCII: appendEscape(of: scalar, to: &result)
    case _ where isPrintable(scalar): result += UTF8.encode(scalar)!
    default: appendEscape(of: scalar, to: &result)
    }
  }
  result.append(quote)
  return String(decoding: result, as: UTF8.self)
}

/// A text as often as that, one after the other.
func repeated(_ text: String, _ count: Int) -> String {
  let part = Array(text.utf8)
  if part.count == 1 {
    return String(decoding: [UInt8](repeating: part[0], count: max(0, count)), as: UTF8.self)
  }
  var result: [UInt8] = []
  result.reserveCapacity(part.count * max(0, count))
  for _ in 0..<max(0, count) { result += part }
  return String(decoding: result, as: UTF8.self)
}

private func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
  if scalar == " " { return true }
  switch scalar.properties.generalCategory {
  case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator,
    .paragraphSeparator, .spaceSeparator:
    return false
  default: return true
  }
}

private func appendEscape(of scalar: Unicode.Scalar, to result: inout [UInt8]) {
  let (letter, width): (Unicode.Scalar, Int) =
    scalar.value < 0x100 ? ("x", 2) : scalar.value < 0x10000 ? ("u", 4) : ("U", 8)
  result += [0x5C, UInt8(ascii: letter)]
  for digit in (0..<width).reversed() {
    let value = UInt8(scalar.value >> UInt32(4 * digit) & 15)
    result.append(value < 10 ? 0x30 + value : 0x57 + value)
  }
}

func hexadecimal(_ value: UInt32, width: Int) -> String {
  let digits = String(value, radix: 16)
  return String(repeating: "0", count: max(0, width - digits.count)) + digits
}

/// `repr` of a float: the shortest digits that give the number back, with an exponent below
/// 1e-4 and from 1e16.
func pythonSpelling(of value: Double) -> String {
  if value.isNaN { return "nan" }
  if value.isInfinite { return value < 0 ? "-inf" : "inf" }
  if value == 0 { return value.sign == .minus ? "-0.0" : "0.0" }
  // Swift finds the same shortest digits, but puts the exponent elsewhere.
  let parts = value.magnitude.description.split(separator: "e")
  let mantissa = parts[0].split(separator: ".")
  var exponent = (parts.count > 1 ? Int(parts[1])! : 0) + mantissa[0].count - 1
  var digits = mantissa[0] + (mantissa.count > 1 ? mantissa[1] : "")
  while digits.first == "0" {
    digits.removeFirst()
    exponent -= 1
  }
  while digits.last == "0", digits.count > 1 { digits.removeLast() }
  let sign = value < 0 ? "-" : ""
  if exponent < -4 || exponent >= 16 {
    let fraction = digits.count > 1 ? "." + digits.dropFirst() : ""
    let magnitude = String(abs(exponent))
    return sign + digits.prefix(1) + fraction + "e" + (exponent < 0 ? "-" : "+")
      + (magnitude.count < 2 ? "0" : "") + magnitude
  }
  if exponent < 0 { return sign + "0." + String(repeating: "0", count: -exponent - 1) + digits }
  if digits.count <= exponent + 1 {
    return sign + digits + String(repeating: "0", count: exponent + 1 - digits.count) + ".0"
  }
  return sign + digits.prefix(exponent + 1) + "." + digits.dropFirst(exponent + 1)
}

/// Text of a string literal whose inside is given: Python's escapes; an unknown one stays.
func pythonUnescaped(_ scalars: ArraySlice<Unicode.Scalar>) -> String {
  var result = String.UnicodeScalarView()
  var index = scalars.startIndex
  func number(_ first: Int, _ width: Int, radix: Int) -> Unicode.Scalar? {
    guard first + width <= scalars.endIndex else { return nil }
    let digits = String(scalars[first..<first + width])
    guard digits.allSatisfy(\.isHexDigit) else { return nil }
    return UInt32(digits, radix: radix).flatMap(Unicode.Scalar.init)
  }
  let plain: [Unicode.Scalar: Unicode.Scalar] = [
    "n": "\n", "t": "\t", "r": "\r", "\\": "\\", "'": "'", "\"": "\"", "a": "\u{7}",
    "b": "\u{8}", "f": "\u{C}", "v": "\u{B}", "0": "\0",
  ]
  let widths: [Unicode.Scalar: Int] = ["x": 2, "u": 4, "U": 8]
  while index < scalars.endIndex {
    let scalar = scalars[index]
    index += 1
    guard scalar == "\\", index < scalars.endIndex else {
      result.append(scalar)
      continue
    }
    let escaped = scalars[index]
    if escaped == "\n" {
      index += 1
    } else if let replacement = plain[escaped] {
      result.append(replacement)
      index += 1
    } else if let width = widths[escaped], let code = number(index + 1, width, radix: 16) {
      result.append(code)
      index += 1 + width
    } else {
      result.append(scalar)
    }
  }
  return String(result)
}

/// Looks for a text in others, in a time that grows with the sum of both lengths (Knuth, Morris and
/// Pratt 1977).
struct TextSearch {
  private let needle: [UInt8]
  /// By how much of the needle has matched: how much still does when the next unit differs.
  private let shorter: [Int32]

  init(_ needle: String) {
    let needle = Array(needle.utf8)
    var shorter: [Int32] = [0]
    shorter.reserveCapacity(needle.count)
    for index in needle.indices.dropFirst() {
      var length = Int(shorter[index - 1])
      while length > 0, needle[length] != needle[index] { length = Int(shorter[length - 1]) }
      shorter.append(Int32(needle[length] == needle[index] ? length + 1 : 0))
    }
    self.needle = needle
    self.shorter = shorter
  }

  /// Where the needle begins from `start` on, in code units.
  func next(in text: [UInt8], from start: Int = 0) -> Int? {
    guard text.count - start >= needle.count else { return nil }
    var matched = 0
    for index in start..<text.count where matched < needle.count {
      while matched > 0, needle[matched] != text[index] { matched = Int(shorter[matched - 1]) }
      if needle[matched] == text[index] { matched += 1 }
      if matched == needle.count { return index + 1 - matched }
    }
    return needle.isEmpty ? start : nil
  }
}

/// - Throws: `TemplateFailure` when there would be more pieces than a template may make.
func splitText(_ text: String, at separator: String, limit: Int) throws -> [String] {
  let bytes = Array(text.utf8)
  let search = TextSearch(separator)
  var pieces: [String] = []
  var start = 0
  while limit < 0 || pieces.count < limit, let found = search.next(in: bytes, from: start) {
    try TemplateValue.requireElements(pieces.count + 1)
    pieces.append(String(decoding: bytes[start..<found], as: UTF8.self))
    start = found + separator.utf8.count
  }
  pieces.append(String(decoding: bytes[start...], as: UTF8.self))
  return pieces
}

/// `str.split()` without a separator: runs of white space separate, none at the ends count.
///
/// - Throws: as `splitText`.
func splitAtSpaces(_ text: String, limit: Int) throws -> [String] {
  let scalars = Array(text.unicodeScalars)
  var pieces: [String] = []
  var index = 0
  while true {
    while index < scalars.count, isPythonSpace(scalars[index]) { index += 1 }
    if index == scalars.count { return pieces }
    try TemplateValue.requireElements(pieces.count + 1)
    if pieces.count == limit {
      pieces.append(String(scalars[index...]))
      return pieces
    }
    let start = index
    while index < scalars.count, !isPythonSpace(scalars[index]) { index += 1 }
    pieces.append(String(scalars[start..<index]))
  }
}

/// `str.splitlines()` for the line ends that templates and their data hold.
///
/// - Throws: as `splitText`.
func splitLines(_ text: String) throws -> [String] {
  var lines: [String] = []
  var current = String.UnicodeScalarView()
  var previous: Unicode.Scalar?
  var isOpen = false
  for scalar in text.unicodeScalars {
    defer { previous = scalar }
    if scalar == "\n", previous == "\r" { continue }
    if scalar == "\n" || scalar == "\r" {
      try TemplateValue.requireElements(lines.count + 1)
      lines.append(String(current))
      current = String.UnicodeScalarView()
      isOpen = false
    } else {
      current.append(scalar)
      isOpen = true
    }
  }
  if isOpen { lines.append(String(current)) }
  return lines
}

/// - Throws: `TemplateFailure` when the text would be longer than a template may make one.
func joinedText(_ pieces: [String], by separator: String) throws -> String {
  try TemplateValue.requireLength(separator.utf8.count, times: pieces.count - 1)
  try TemplateValue.requireLength(
    pieces.reduce(separator.utf8.count * max(0, pieces.count - 1)) { $0 + $1.utf8.count })
  return pieces.joined(separator: separator)
}

/// - Throws: as `joinedText`.
func replaced(_ text: String, _ old: String, with new: String, limit: Int) throws -> String {
  if old.isEmpty {
    // Python puts the replacement before every code point and at the end.
    try TemplateValue.requireLength(new.utf8.count, times: text.unicodeScalars.count + 1)
    var result = ""
    var count = 0
    for scalar in text.unicodeScalars {
      if limit < 0 || count < limit { result += new }
      count += 1
      result.unicodeScalars.append(scalar)
    }
    return limit < 0 || count < limit ? result + new : result
  }
  let bytes = Array(text.utf8)
  let search = TextSearch(old)
  let replacement = Array(new.utf8)
  var result: [UInt8] = []
  var start = 0
  var count = 0
  while limit < 0 || count < limit, let found = search.next(in: bytes, from: start) {
    result += bytes[start..<found]
    result += replacement
    try TemplateValue.requireLength(result.count)
    start = found + old.utf8.count
    count += 1
  }
  result += bytes[start...]
  return String(decoding: result, as: UTF8.self)
}

func stripped(
  _ text: String, of characters: String?, leading: Bool = true, trailing: Bool = true
) -> String {
  let set = characters.map { Set($0.unicodeScalars) }
  func goes(_ scalar: Unicode.Scalar) -> Bool { set?.contains(scalar) ?? isPythonSpace(scalar) }
  var scalars = Array(text.unicodeScalars)[...]
  if leading { scalars = scalars.drop(while: goes) }
  if trailing { while let last = scalars.last, goes(last) { scalars.removeLast() } }
  return String(scalars)
}

func sentenceCased(_ text: String) -> String {
  guard let first = text.unicodeScalars.first else { return text }
  return first.properties.titlecaseMapping
    + String(String.UnicodeScalarView(text.unicodeScalars.dropFirst())).lowercased()
}

/// A capital at the start of every run that `continues` accepts, small letters inside it.
func titled(
  _ text: String, capital: (Unicode.Scalar) -> String, continues: (Unicode.Scalar) -> Bool
) -> String {
  var result = ""
  var isInside = false
  for scalar in text.unicodeScalars {
    result += isInside ? scalar.properties.lowercaseMapping : capital(scalar)
    isInside = continues(scalar)
  }
  return result
}

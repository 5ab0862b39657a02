/// Why a text is not the JSON that is accepted here, and where.
public struct JSONError: Error, Equatable, CustomStringConvertible {
  /// Byte offset into the document.
  public let offset: Int
  /// Line and column of the offset, both from 1; the column counts bytes.
  public let line: Int
  /// Column of the offset in bytes, from 1.
  public let column: Int
  /// What was found and what was expected.
  public let reason: String

  public var description: String { "line \(line), column \(column) (byte \(offset)): \(reason)" }
}

extension JSONValue {
  /// Parses one strict RFC 8259 document: valid UTF-8, no repeated key, nothing after the value,
  /// at most `maximumDepth` levels of nesting.
  ///
  /// - Throws: `JSONError`.
  public init(parsing bytes: some Sequence<UInt8>, maximumDepth: Int = 128) throws(JSONError) {
    var parser = JSONParser(bytes: Array(bytes), maximumDepth: maximumDepth)
    self = try parser.document()
  }

  /// Parses the UTF-8 of a text as one strict document.
  ///
  /// - Throws: `JSONError`.
  public init(parsing text: String) throws(JSONError) { try self.init(parsing: text.utf8) }
}

private struct JSONParser {
  let bytes: [UInt8]
  let maximumDepth: Int
  var position = 0

  init(bytes: [UInt8], maximumDepth: Int) {
    self.bytes = bytes
    self.maximumDepth = maximumDepth
  }

  mutating func document() throws(JSONError) -> JSONValue {
    skipWhitespace()
    let value = try value(depth: 0)
    skipWhitespace()
    if position < bytes.count { throw failure("unexpected \(here) after the end of the document") }
    return value
  }

  private mutating func value(depth: Int) throws(JSONError) -> JSONValue {
    if depth > maximumDepth { throw failure("nested deeper than \(maximumDepth) levels") }
    guard let byte = peek else { throw failure("the document ends where a value was expected") }
    switch byte {
    case UInt8(ascii: "{"): return .object(try object(depth: depth))
    case UInt8(ascii: "["): return .array(try array(depth: depth))
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try literal("true", .bool(true))
    case UInt8(ascii: "f"): return try literal("false", .bool(false))
    case UInt8(ascii: "n"): return try literal("null", .null)
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
    default: throw failure("found \(here) where a value was expected")
    }
  }

  private mutating func object(depth: Int) throws(JSONError) -> JSONObject {
    position += 1
    var object = JSONObject()
    skipWhitespace()
    if peek == UInt8(ascii: "}") {
      position += 1
      return object
    }
    while true {
      skipWhitespace()
      guard peek == UInt8(ascii: "\"") else {
        throw failure("found \(here) where a key in quotes was expected")
      }
      let start = position
      let key = try string()
      skipWhitespace()
      try expect(UInt8(ascii: ":"), "':' after a key")
      skipWhitespace()
      guard object.insert(key, try value(depth: depth + 1)) else {
        throw failure("the key \(JSONValue.string(key).compact) is given twice", at: start)
      }
      skipWhitespace()
      if peek == UInt8(ascii: ",") {
        position += 1
      } else {
        try expect(UInt8(ascii: "}"), "',' or '}' in an object")
        return object
      }
    }
  }

  private mutating func array(depth: Int) throws(JSONError) -> [JSONValue] {
    position += 1
    var elements: [JSONValue] = []
    skipWhitespace()
    if peek == UInt8(ascii: "]") {
      position += 1
      return elements
    }
    while true {
      skipWhitespace()
      elements.append(try value(depth: depth + 1))
      skipWhitespace()
      if peek == UInt8(ascii: ",") {
        position += 1
      } else {
        try expect(UInt8(ascii: "]"), "',' or ']' in an array")
        return elements
      }
    }
  }

  private mutating func literal(_ word: StaticString, _ value: JSONValue) throws(JSONError)
    -> JSONValue
  {
    let end = position + word.utf8CodeUnitCount
    let expected = UnsafeBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount)
    guard end <= bytes.count, bytes[position..<end].elementsEqual(expected) else {
      throw failure("found \(here) where a value was expected")
    }
    position = end
    return value
  }

  private mutating func number() throws(JSONError) -> JSONValue {
    let start = position
    var isInteger = true
    if peek == UInt8(ascii: "-") { position += 1 }
    let digits = position
    skipDigits()
    if position == digits { throw failure("a number needs a digit here") }
    if bytes[digits] == UInt8(ascii: "0"), position > digits + 1 {
      throw failure("a number must not start with a superfluous 0", at: start)
    }
    if peek == UInt8(ascii: ".") {
      isInteger = false
      position += 1
      let fraction = position
      skipDigits()
      if position == fraction { throw failure("a number needs a digit after the point") }
    }
    if peek == UInt8(ascii: "e") || peek == UInt8(ascii: "E") {
      isInteger = false
      position += 1
      if peek == UInt8(ascii: "+") || peek == UInt8(ascii: "-") { position += 1 }
      let exponent = position
      skipDigits()
      if position == exponent { throw failure("a number needs a digit in its exponent") }
    }
    let spelling = String(decoding: bytes[start..<position], as: UTF8.self)
    // -0 is a number with a sign that an integer would lose.
    if isInteger, spelling != "-0", let integer = Int(spelling) { return .integer(integer) }
    guard let double = Double(spelling), double.isFinite else {
      throw failure("the number \(spelling) does not fit a 64-bit float", at: start)
    }
    return .number(double)
  }

  private mutating func string() throws(JSONError) -> String {
    let opening = position
    position += 1
    let start = position
    // Most texts are spelled as they are.
    while position < bytes.count, bytes[position] >= 0x20, bytes[position] != UInt8(ascii: "\""),
      bytes[position] != UInt8(ascii: "\\")
    {
      position += 1
    }
    var text = bytes[start..<position]
    while true {
      guard let byte = peek else { throw failure("this string is not closed", at: opening) }
      switch byte {
      case UInt8(ascii: "\""):
        position += 1
        guard let string = String(validating: text, as: UTF8.self) else {
          throw failure("this string is not valid UTF-8", at: opening)
        }
        return string
      case UInt8(ascii: "\\"):
        position += 1
        try escape(into: &text)
      case 0..<0x20:
        throw failure("a control character must be escaped inside a string")
      default:
        text.append(byte)
        position += 1
      }
    }
  }

  private mutating func escape(into text: inout ArraySlice<UInt8>) throws(JSONError) {
    guard let byte = peek else { throw failure("the document ends inside an escape") }
    position += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
    case UInt8(ascii: "b"): text.append(0x08)
    case UInt8(ascii: "f"): text.append(0x0C)
    case UInt8(ascii: "n"): text.append(0x0A)
    case UInt8(ascii: "r"): text.append(0x0D)
    case UInt8(ascii: "t"): text.append(0x09)
    case UInt8(ascii: "u"):
      var code = try hexadecimal()
      if (0xD800..<0xDC00).contains(code) {
        guard peek == UInt8(ascii: "\\"), position + 1 < bytes.count,
          bytes[position + 1] == UInt8(ascii: "u")
        else { throw failure("a high surrogate without its low surrogate") }
        position += 2
        let low = try hexadecimal()
        guard (0xDC00..<0xE000).contains(low) else {
          throw failure("a high surrogate without its low surrogate")
        }
        code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
      }
      guard let scalar = Unicode.Scalar(code) else {
        throw failure("a low surrogate without its high surrogate")
      }
      text.append(contentsOf: UTF8.encode(scalar)!)
    default:
      throw failure("unknown escape in a string", at: position - 1)
    }
  }

  private mutating func hexadecimal() throws(JSONError) -> UInt32 {
    guard position + 4 <= bytes.count else { throw failure("the document ends inside an escape") }
    var code: UInt32 = 0
    for byte in bytes[position..<position + 4] {
      let digit: UInt8
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
      case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
      case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = byte - UInt8(ascii: "A") + 10
      default: throw failure("\\u needs four hexadecimal digits")
      }
      code = code << 4 | UInt32(digit)
    }
    position += 4
    return code
  }

  private var peek: UInt8? { position < bytes.count ? bytes[position] : nil }

  private var here: String {
    guard let byte = peek else { return "the end of the document" }
    return (0x21..<0x7F).contains(byte)
      ? "'\(Unicode.Scalar(byte))'" : "byte 0x\(String(byte, radix: 16))"
  }

  private mutating func skipWhitespace() {
    while let byte = peek, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 {
      position += 1
    }
  }

  private mutating func skipDigits() {
    while let byte = peek, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { position += 1 }
  }

  private mutating func expect(_ byte: UInt8, _ what: String) throws(JSONError) {
    guard peek == byte else { throw failure("found \(here) where \(what) was expected") }
    position += 1
  }

  private func failure(_ reason: String, at offset: Int? = nil) -> JSONError {
    let offset = offset ?? position
    let before = bytes[..<min(offset, bytes.count)]
    let line = before.reduce(into: 1) { if $1 == 0x0A { $0 += 1 } }
    let column = offset - (before.lastIndex(of: 0x0A) ?? -1)
    return JSONError(offset: offset, line: line, column: column, reason: reason)
  }
}

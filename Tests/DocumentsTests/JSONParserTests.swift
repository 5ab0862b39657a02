import Documents
import Testing

@Suite struct JSONParserTests {
  /// What the parser says about a text, with its place; `nil` when it accepts it.
  private func mistake(_ bytes: some Sequence<UInt8>) -> String? {
    do {
      _ = try JSONValue(parsing: bytes)
      return nil
    } catch {
      return "\(error)"
    }
  }

  @Test(arguments: [
    ("", "line 1, column 1 (byte 0): the document ends where a value was expected"),
    ("  \n ", "line 2, column 2 (byte 4): the document ends where a value was expected"),
    (
      "{",
      "line 1, column 2 (byte 1): found the end of the document where a key in quotes was expected"
    ),
    ("[", "line 1, column 2 (byte 1): the document ends where a value was expected"),
    ("[1,]", "line 1, column 4 (byte 3): found ']' where a value was expected"),
    ("[,1]", "line 1, column 2 (byte 1): found ',' where a value was expected"),
    ("[1 2]", "line 1, column 4 (byte 3): found '2' where ',' or ']' in an array was expected"),
    ("{\"a\":1,}", "line 1, column 8 (byte 7): found '}' where a key in quotes was expected"),
    ("{\"a\" 1}", "line 1, column 6 (byte 5): found '1' where ':' after a key was expected"),
    ("{\"a\":}", "line 1, column 6 (byte 5): found '}' where a value was expected"),
    ("{a:1}", "line 1, column 2 (byte 1): found 'a' where a key in quotes was expected"),
    ("{'a':1}", "line 1, column 2 (byte 1): found ''' where a key in quotes was expected"),
    (
      "{\"a\":1 \"b\":2}",
      "line 1, column 8 (byte 7): found '\"' where ',' or '}' in an object was expected"
    ),
    ("{\"a\":1}}", "line 1, column 8 (byte 7): unexpected '}' after the end of the document"),
    ("1 1", "line 1, column 3 (byte 2): unexpected '1' after the end of the document"),
    ("{\"a\":1,\n \"a\":2}", "line 2, column 2 (byte 9): the key \"a\" is given twice"),
    ("{\"a\":1,\"\\u0061\":2}", "line 1, column 8 (byte 7): the key \"a\" is given twice"),
    ("{\"a\":{\"b\":1,\"b\":1}}", "line 1, column 13 (byte 12): the key \"b\" is given twice"),
    ("nul", "line 1, column 1 (byte 0): found 'n' where a value was expected"),
    ("True", "line 1, column 1 (byte 0): found 'T' where a value was expected"),
    ("tru", "line 1, column 1 (byte 0): found 't' where a value was expected"),
    ("truee", "line 1, column 5 (byte 4): unexpected 'e' after the end of the document"),
    ("NaN", "line 1, column 1 (byte 0): found 'N' where a value was expected"),
    ("Infinity", "line 1, column 1 (byte 0): found 'I' where a value was expected"),
    ("-Infinity", "line 1, column 2 (byte 1): a number needs a digit here"),
    ("// x\n1", "line 1, column 1 (byte 0): found '/' where a value was expected"),
    ("01", "line 1, column 1 (byte 0): a number must not start with a superfluous 0"),
    ("-01", "line 1, column 1 (byte 0): a number must not start with a superfluous 0"),
    ("00", "line 1, column 1 (byte 0): a number must not start with a superfluous 0"),
    ("+1", "line 1, column 1 (byte 0): found '+' where a value was expected"),
    (".5", "line 1, column 1 (byte 0): found '.' where a value was expected"),
    ("1.", "line 1, column 3 (byte 2): a number needs a digit after the point"),
    ("1.e3", "line 1, column 3 (byte 2): a number needs a digit after the point"),
    ("1e", "line 1, column 3 (byte 2): a number needs a digit in its exponent"),
    ("1e+", "line 1, column 4 (byte 3): a number needs a digit in its exponent"),
    ("-", "line 1, column 2 (byte 1): a number needs a digit here"),
    ("--1", "line 1, column 2 (byte 1): a number needs a digit here"),
    ("0x10", "line 1, column 2 (byte 1): unexpected 'x' after the end of the document"),
    ("1e400", "line 1, column 1 (byte 0): the number 1e400 does not fit a 64-bit float"),
    ("\"a", "line 1, column 1 (byte 0): this string is not closed"),
    ("\"a\\\"", "line 1, column 1 (byte 0): this string is not closed"),
    ("\"a\\", "line 1, column 4 (byte 3): the document ends inside an escape"),
    (
      "\"a\nb\"", "line 1, column 3 (byte 2): a control character must be escaped inside a string"
    ),
    (
      "\"\u{0}\"",
      "line 1, column 2 (byte 1): a control character must be escaped inside a string"
    ),
    ("\"\\x\"", "line 1, column 3 (byte 2): unknown escape in a string"),
    ("\"\\u12\"", "line 1, column 4 (byte 3): the document ends inside an escape"),
    ("\"\\u12g4\"", "line 1, column 4 (byte 3): \\u needs four hexadecimal digits"),
    ("\"\\ud800\"", "line 1, column 8 (byte 7): a high surrogate without its low surrogate"),
    (
      "\"\\ud800\\u0041\"",
      "line 1, column 14 (byte 13): a high surrogate without its low surrogate"
    ),
    ("\"\\udc00\"", "line 1, column 8 (byte 7): a low surrogate without its high surrogate"),
    ("\u{FEFF}{}", "line 1, column 1 (byte 0): found byte 0xef where a value was expected"),
    ("{}\u{0}", "line 1, column 3 (byte 2): unexpected byte 0x0 after the end of the document"),
  ])
  func `A malformed document is refused with its place and the reason`(
    _ text: String, _ expected: String
  ) {
    #expect(mistake(text.utf8) == expected)
  }

  @Test(
    arguments: [
      [0x22, 0xFF, 0x22], [0x22, 0xC0, 0xAF, 0x22], [0x22, 0xED, 0xA0, 0x80, 0x22],
      [0x22, 0xE2, 0x82, 0x22], [0x22, 0xF5, 0x80, 0x80, 0x80, 0x22], [0x22, 0x80, 0x22],
    ] as [[UInt8]])
  func `Bytes that are not UTF-8 are refused at the string that holds them`(_ bytes: [UInt8]) {
    #expect(mistake(bytes) == "line 1, column 1 (byte 0): this string is not valid UTF-8")
  }

  @Test func `Nesting is bounded, whatever the depth of the document`() throws {
    let nested = { (depth: Int) in
      String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
    }
    #expect(mistake(nested(128).utf8) == nil)
    #expect(mistake(nested(129).utf8) == nil)
    let reason = "line 1, column 130 (byte 129): nested deeper than 128 levels"
    #expect(mistake(nested(130).utf8) == reason)
    #expect(mistake(nested(200_000).utf8) == reason)
    let objects = String(repeating: "{\"a\":", count: 200_000)
    #expect(mistake(objects.utf8)?.hasSuffix("nested deeper than 128 levels") == true)
  }

  @Test(
    arguments: [
      ("0", .integer(0)), ("-0", .number(-0.0)), ("-0.0", .number(-0.0)), ("1.0", .number(1)),
      ("9223372036854775807", .integer(.max)), ("-9223372036854775808", .integer(.min)),
      ("9223372036854775808", .number(9_223_372_036_854_775_808)),
      ("-9223372036854775809", .number(-9_223_372_036_854_775_808)),
      ("1E3", .number(1000)), ("1e-5", .number(1e-5)), ("5e-324", .number(.leastNonzeroMagnitude)),
      ("1e-400", .number(0)), ("1.7976931348623157e308", .number(.greatestFiniteMagnitude)),
    ] as [(String, JSONValue)])
  func `Numbers keep their kind at the edges of what 64 bits hold`(
    _ text: String, _ expected: JSONValue
  ) throws {
    #expect(try JSONValue(parsing: text) == expected)
  }

  @Test func `An integer is one however it is spelled, and nothing that 64 bits lose is one`()
    throws
  {
    #expect(try JSONValue(parsing: "1e3").intValue == 1000)
    #expect(try JSONValue(parsing: "2.0").intValue == 2)
    #expect(try JSONValue(parsing: "2.5").intValue == nil)
    #expect(try JSONValue(parsing: "9223372036854775808").intValue == nil)
    #expect(try JSONValue(parsing: "1e300").intValue == nil)
    #expect(try JSONValue(parsing: "-0").compact == "-0.0")
  }

  @Test func `Escapes and surrogate pairs decode to their characters`() throws {
    let text = #""\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00""#
    #expect(try JSONValue(parsing: text) == "\"\\/\u{8}\u{C}\n\r\té😀")
  }

  @Test func `Keys that only look the same are two keys`() throws {
    let document = try JSONValue(parsing: "{\"\u{212B}\": 1, \"\u{C5}\": 2, \"A\u{30A}\": 3}")
    #expect(document["\u{212B}"] == 1)
    #expect(document["\u{C5}"] == 2)
    #expect(document["A\u{30A}"] == 3)
    #expect(document.objectValue?.count == 3)
  }

  @Test func `What is written parses to what was there`() throws {
    let text =
      #"{"z":[],"a":{},"n":[1,-2.5,1e-07,null,true],"s":"tab\tbell\u0007é\u007f","o":[{"k":1}]}"#
    let document = try JSONValue(parsing: text)
    #expect(try JSONValue(parsing: document.compact) == document)
    #expect(try JSONValue(parsing: document.pretty) == document)
    #expect(document.objectValue?.keys == ["z", "a", "n", "s", "o"])
  }
}

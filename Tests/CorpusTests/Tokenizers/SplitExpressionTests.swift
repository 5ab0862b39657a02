import Testing

@testable import Corpus

/// Where a split pattern means something else than it seems to.
@Suite struct SplitExpressionTests {
  /// Pattern, text, and its pieces by `pre_tokenizers.Split(Regex(pattern), "isolated")` of tokenizers
  /// 0.23.3.
  static let cases: [(String, String, [String])] = [
    (#"\p{Lu}{2,}+(?=\p{Ll})"#, "HTMLParser ABc", ["HTMLP", "arser ", "AB", "c"]),
    (#"a{2}?b"#, "aab b ab", ["aab", " ", "b", " a", "b"]),
    (#"(?=(?:\d{3})+(?!\d))"#, "1234567 12", ["1", "234", "567 12"]),
    (#"x*"#, "axxb", ["a", "xx", "b"]),
    (#"(?>a?)b|c"#, "ab b c", ["ab", " ", "b", " ", "c"]),
    (#"(?:o?){2}n"#, "on oon n", ["on", " ", "oon", " ", "n"]),
    (#"\w+"#, "a\u{00BE}1 \u{200D}\u{00B2}", ["a\u{00BE}1", " \u{200D}", "\u{00B2}"]),
    (#"[\w]+"#, "a\u{00BE}1 \u{200D}\u{00B2}", ["a", "\u{00BE}", "1", " \u{200D}\u{00B2}"]),
    (#"(?i:\p{Lu})+"#, "aBCd", ["a", "BC", "d"]),
    (#"(?i:[\p{Lu}])+"#, "aB1Cd", ["aB", "1", "Cd"]),
    (#"\p{Ll}"#, "\u{0295}A", ["\u{0295}", "A"]),
    (#"(?i)k|S"#, "k\u{212A}S\u{017F} s", ["k", "\u{212A}", "S", "\u{017F}", " ", "s"]),
    (#"^a|b$"#, "aab\nab b", ["a", "a", "b", "\n", "a", "b ", "b"]),
    (#"\B-|\b-"#, "a-b --", ["a", "-", "b ", "-", "-"]),
    (#"[^\]\s-]+"#, "a]b-c d", ["a", "]", "b", "-", "c", " ", "d"]),
    (#"a++a|b"#, "aaa b", ["aaa ", "b"]),
    (#"(?:ab|a)(?!b)"#, "abab a", ["ab", "ab", " ", "a"]),
  ]

  @Test(arguments: cases)
  func `Text is split as Oniguruma splits it`(
    pattern: String, text: String, pieces: [String]
  ) throws {
    var tokens = PreTokens(bytes: Array(text.utf8), isStart: true)
    let expression = try SplitExpression(pattern)
    PreTokenizer.splitExpression(expression, .isolated, invert: false).apply(to: &tokens)
    let found = tokens.pieces.map {
      String(decoding: tokens.bytes[$0.start..<$0.end], as: UTF8.self)
    }
    #expect(found == pieces)
  }

  @Test(arguments: [
    #"(?<=a)b"#, #"\Gx"#, "[[:alpha:]]", "[a&&b]", "a{x", "(a", "a)", "*a", #"\p{Greek}"#,
  ])
  func `What is not known is refused`(pattern: String) {
    #expect(throws: SplitExpressionError.self) { try SplitExpression(pattern) }
  }
}

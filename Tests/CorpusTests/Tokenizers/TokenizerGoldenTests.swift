import Documents
import TestSupport
import Testing

@testable import Corpus

struct TokenizerGoldenTests {
  @Test(arguments: TokenizerGoldens.names)
  func `The first lines have the same ids`(name: String) throws {
    let tokenizer = try TokenizerGoldens.tokenizer(name)
    let cases = try TokenizerGoldens.json("\(name).golden.json").member("lines").elements()
    #expect(cases.count == 40)
    for element in cases {
      let pair = try element.elements()
      let line = try pair[0].text()
      #expect(tokenizer.encode(line) == (try pair[1].ids()), "\(name): \(pair[0].compact)")
    }
  }

  @Test(arguments: TokenizerGoldens.names)
  func `Every block of 20,480 lines has the same ids, text and pieces`(name: String) throws {
    let tokenizer = try TokenizerGoldens.tokenizer(name)
    let lines = try TokenizerGoldens.lines()
    let golden = try TokenizerGoldens.json("\(name).golden.json").member("blocks")
    let blocks = try TokenizerGoldens.strings(golden)
    let length = TokenizerGoldens.blockLength
    #expect(lines.count == 20480)
    #expect(blocks.count * length == lines.count)
    for (index, block) in blocks.enumerated() {
      var ids = FNV1a()
      var surrounded = FNV1a()
      var text = FNV1a()
      var plainText = FNV1a()
      var pieces = FNV1a()
      for line in lines[index * length..<(index + 1) * length] {
        let encoded = tokenizer.encode(line)
        ids.add(ids: encoded)
        surrounded.add(ids: tokenizer.encode(line, addSpecialTokens: true))
        text.add(tokenizer.decode(encoded).utf8)
        text.add(0xFF)
        plainText.add(tokenizer.decode(encoded, skipSpecialTokens: true).utf8)
        plainText.add(0xFF)
        for piece in Self.pieces(of: line, tokenizer) {
          pieces.add(piece)
          pieces.add(0xFE)
        }
        pieces.add(0xFF)
      }
      let found = [ids, surrounded, text, plainText, pieces].map(\.hexadecimal)
      #expect(
        found.joined(separator: " ") == block,
        "\(name), lines \(index * length)..<\((index + 1) * length)")
    }
  }

  @Test(arguments: TokenizerGoldens.names)
  func `Special tokens can be read as text`(name: String) throws {
    let tokenizer = try TokenizerGoldens.tokenizer(name)
    let cases = try TokenizerGoldens.json("\(name).golden.json").member("unrecognised").elements()
    #expect(cases.count == 40)
    for element in cases {
      let pair = try element.elements()
      let line = try pair[0].text()
      let ids = tokenizer.encode(
        line, addSpecialTokens: false, recognizeSpecialTokens: false)
      #expect(ids == (try pair[1].ids()), "\(name): \(pair[0].compact)")
    }
  }

  @Test(arguments: TokenizerGoldens.names)
  func `Ids in an order that no text has decode to the same text, at once and one by one`(
    name: String
  ) throws {
    let tokenizer = try TokenizerGoldens.tokenizer(name)
    let cases = try TokenizerGoldens.json("\(name).golden.json").member("decoded").elements()
    #expect(cases.count == 100)
    for element in cases {
      let pair = try element.elements()
      let ids = try pair[0].ids()
      let expected = try pair[1].text()
      #expect(tokenizer.decode(ids).utf8.elementsEqual(expected.utf8), "\(name): \(ids)")
      for skipSpecialTokens in [false, true] {
        let whole = tokenizer.decode(ids, skipSpecialTokens: skipSpecialTokens)
        var decoder = StreamingDecoder(tokenizer, skipSpecialTokens: skipSpecialTokens)
        let parts = ids.map { decoder.append($0) } + [decoder.finish()]
        #expect(
          parts.joined().utf8.elementsEqual(whole.utf8),
          "\(name), one by one, skipping \(skipSpecialTokens): \(ids)")
      }
    }
  }

  @Test func `Every scalar has the class that the package's pre-tokenisers give it`() throws {
    let golden = try TokenizerGoldens.json("classes.json")
    let flags: [(String, UInt8)] = [
      ("letter", ScalarClasses.letter), ("number", ScalarClasses.number),
      ("whitespace", ScalarClasses.whitespace), ("digit", ScalarClasses.digit),
      ("word", ScalarClasses.word), ("punctuation", ScalarClasses.punctuation),
    ]
    for (name, flag) in flags {
      let edges = try golden.member(name).ids()
      var expected = [Bool](repeating: false, count: 0x110000)
      for index in stride(from: 0, to: edges.count, by: 2) {
        for code in edges[index]..<edges[index + 1] { expected[Int(code)] = true }
      }
      let different = (0..<UInt32(0x110000)).filter { code in
        let flags =
          Int(code) < ScalarClasses.limit
          ? ScalarClasses.table[Int(code)] : ScalarClasses.flags(above: code)
        return (flags & flag != 0) != expected[Int(code)]
      }
      #expect(
        different.isEmpty,
        "\(name): \(different.prefix(20).map { String($0, radix: 16) }) of \(different.count)")
    }
  }

  @Test func `Sequences of marks, syllables and composites have the package's normal forms`() throws
  {
    let forms: [Normalizer.UnicodeForm] = [
      .composed, .decomposed, .compatiblyComposed, .compatiblyDecomposed,
    ]
    let cases = try TokenizerGoldens.json("normalizations.json").elements()
    #expect(cases.count == 600)
    for element in cases {
      let texts = try TokenizerGoldens.strings(element).map { Array($0.utf8) }
      for (form, expected) in zip(forms, texts.dropFirst()) {
        #expect(
          UnicodeNormalization.normalize(texts[0], form) == expected,
          "\(form.rawValue) of \(String(decoding: texts[0], as: UTF8.self).unicodeScalars)")
      }
    }
  }

  private static func pieces(of line: String, _ tokenizer: Tokenizer) -> [[UInt8]] {
    var text = Normalizer.Text(bytes: Array(line.utf8), isStart: true)
    tokenizer.normalizer?.apply(to: &text)
    var tokens = PreTokens(bytes: text.bytes, isStart: text.isStart)
    tokenizer.preTokenizer?.apply(to: &tokens)
    return tokens.pieces.map { Array(tokens.bytes[$0.start..<$0.end]) }
  }
}

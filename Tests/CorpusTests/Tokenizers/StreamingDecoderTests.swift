import Documents
import Testing

@testable import Corpus

struct StreamingDecoderTests {
  @Test(arguments: ["qwen2", "llama2"])
  func `Every line comes out whole, in pieces of complete characters`(name: String) throws {
    let tokenizer = try TokenizerGoldens.tokenizer(name)
    for line in try TokenizerGoldens.lines().dropFirst(1000).prefix(3000) {
      let ids = tokenizer.encode(line)
      let whole = tokenizer.decode(ids)
      var decoder = StreamingDecoder(tokenizer)
      let parts = ids.map { decoder.append($0) } + [decoder.finish()]
      #expect(parts.joined().utf8.elementsEqual(whole.utf8))
      if !whole.unicodeScalars.contains("\u{FFFD}") {
        #expect(!parts.joined().unicodeScalars.contains("\u{FFFD}"))
      }
    }
  }

  @Test func `An emoji of several tokens appears with its last one`() throws {
    let tokenizer = try TokenizerGoldens.tokenizer("gpt2")
    let ids = "🫠".utf8.compactMap { byte in
      tokenizer.id(of: String(Unicode.Scalar(UInt32(ByteLevelAlphabet.scalars[Int(byte)]))!))
    }
    #expect(ids.count == 4)
    var decoder = StreamingDecoder(tokenizer)
    #expect(ids.map { decoder.append($0) } == ["", "", "", "🫠"])
    #expect(decoder.append(ids[0]) == "")
    #expect(decoder.finish() == "\u{FFFD}")
  }
}

import Documents
import Testing

@testable import Corpus

@Suite struct WordPieceModelTests {
  private func tokenizer(_ members: JSONObject = [:]) throws -> Tokenizer {
    var model: JSONObject = [
      "type": "WordPiece", "unk_token": "[UNK]",
      "vocab": ["[UNK]": 0, "un": 1, "##aff": 2, "##able": 3, "##a": 4, "u": 5, "é": 6, "##é": 7],
    ]
    for (key, value) in members.members { model[key] = value }
    return try Tokenizer(
      tokenizerJSON: [
        "model": .object(model), "pre_tokenizer": ["type": "BertPreTokenizer"],
        "decoder": ["type": "WordPiece"],
      ], configuration: nil, location: "t.json")
  }

  @Test(arguments: [
    ("unaffable", [1, 2, 3] as [Int32]), ("una", [1, 4]), ("u", [5]), ("uné", [1, 7]),
    ("éé", [6, 7]),
    ("unaffablex", [0]), ("x un", [0, 1]), ("aff", [0]),
  ])
  func `The longest token that continues a word is taken, or the word is unknown`(
    text: String, ids: [Int32]
  ) throws {
    #expect(try tokenizer().encode(text) == ids)
  }

  @Test func `A word of too many characters is unknown, counted in characters and not bytes`()
    throws
  {
    let short = try tokenizer(["max_input_chars_per_word": 3])
    #expect(short.encode("ééé") == [6, 7, 7])
    #expect(short.encode("éééé") == [0])
  }

  @Test func `Another prefix marks what continues a word`() throws {
    let other = try tokenizer([
      "continuing_subword_prefix": "@", "vocab": ["[UNK]": 0, "a": 1, "@b": 2, "##b": 3],
    ])
    #expect(other.encode("ab") == [1, 2])
  }

  @Test func `Decoding joins what was split and puts punctuation back`() throws {
    #expect(try tokenizer().decode([1, 2, 3, 5]) == "unaffable u")
  }
}

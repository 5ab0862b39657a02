import Documents
import Testing

@testable import Corpus

struct BytePairModelTests {
  @Test(arguments: [1, 2, 3, 47, 48, 49, 50, 200, 1000])
  func `Short and long words are merged like a naive search for the lowest rank`(length: Int) {
    var generator = SplitMix(state: UInt64(length))
    for _ in 0..<20 {
      var table = MergeTable(capacity: 400)
      for rank in 0..<400 {
        let pair = (Int32.random(in: 0..<60, using: &generator), Int32(rank % 60))
        // Ranks repeat, as SentencePiece's scores do.
        table.insert(pair.0, pair.1, rank: UInt32(rank / 3), id: 8 + Int32(rank % 52))
      }
      let symbols = (0..<length).map { _ in Int32.random(in: 0..<8, using: &generator) }
      var scratch = MergeScratch()
      scratch.symbols = symbols
      scratch.merge(with: table)
      #expect(scratch.symbols == Self.naive(symbols, table))
    }
  }

  @Test func `A text of 200,000 bytes without a space is merged and restored`() throws {
    for name in ["gpt2", "llama2"] {
      let tokenizer = try TokenizerGoldens.tokenizer(name)
      let text = String(repeating: "tokenizer", count: 22_222)
      let ids = tokenizer.encode(text)
      #expect(ids.count < text.utf8.count)
      #expect(tokenizer.decode(ids) == text)
    }
  }

  @Test func `One tokenizer used from several tasks gives each the same ids`() async throws {
    let tokenizer = try TokenizerGoldens.tokenizer("smollm")
    let lines = Array(try TokenizerGoldens.lines().prefix(2000))
    let expected = lines.map { tokenizer.encode($0) }
    await withTaskGroup(of: [[Int32]].self) { group in
      for _ in 0..<4 { group.addTask { lines.map { tokenizer.encode($0) } } }
      for await found in group { #expect(found == expected) }
    }
  }

  @Test func `Unknown characters, prefixes and suffixes follow the model's options`() throws {
    func ids(_ text: String, _ members: [(String, JSONValue)]) throws -> [Int32] {
      var model: JSONObject = [
        "type": "BPE",
        "vocab": ["<unk>": 0, "a": 1, "b": 2, "##b": 3, "ab": 4, "b</w>": 5, "ab</w>": 6, "c": 7],
        "merges": [],
      ]
      for (key, value) in members { model[key] = value }
      return try Tokenizer(
        tokenizerJSON: ["model": .object(model)], configuration: nil, location: "t.json"
      ).encode(text)
    }
    #expect(try ids("axxb", []) == [1, 2])
    #expect(try ids("axxb", [("unk_token", "<unk>")]) == [1, 0, 0, 2])
    #expect(try ids("axxbx", [("unk_token", "<unk>"), ("fuse_unk", true)]) == [1, 0, 2, 0])
    #expect(try ids("ab", [("merges", ["a b"])]) == [4])
    #expect(try ids("ab", [("ignore_merges", true)]) == [4])
    #expect(
      try ids("ab", [("continuing_subword_prefix", "##"), ("merges", [["a", "##b"]])]) == [4])
    #expect(try ids("ab", [("end_of_word_suffix", "</w>"), ("merges", ["a b</w>"])]) == [6])
  }

  private static func naive(_ symbols: [Int32], _ table: MergeTable) -> [Int32] {
    var symbols = symbols
    while true {
      var best: (index: Int, merge: MergeTable.Merge)?
      for index in symbols.indices.dropLast() {
        let merge = table.find(symbols[index], symbols[index + 1])
        if merge.id >= 0, merge.rank < best?.merge.rank ?? .max { best = (index, merge) }
      }
      guard let best else { return symbols }
      symbols[best.index] = best.merge.id
      symbols.remove(at: best.index + 1)
    }
  }
}

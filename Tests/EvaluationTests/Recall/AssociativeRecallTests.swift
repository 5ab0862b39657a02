import Corpus
import Documents
import Operations
import Testing

@testable import Evaluation

/// One id a UTF-8 byte; 256 begins a text, 257 ends it.
struct ByteEncoder: TextEncoder {
  var addsBeginning = true
  let endOfText: Int32? = 257
  let beginningOfText: Int32? = 256

  func encode(_ text: String, addSpecialTokens: Bool) -> [Int32] {
    let bytes = text.utf8.map { Int32($0) }
    return addSpecialTokens ? (addsBeginning ? [256] : []) + bytes + [257] : bytes
  }

  func decode(_ tokens: some Sequence<Int32>) -> String {
    String(decoding: tokens.filter { $0 < 256 }.map { UInt8($0) }, as: UTF8.self)
  }
}

@Suite struct AssociativeRecallTests {
  private static let candidates = (1000..<1400).map { Int32($0) }

  private func recall(seed: UInt64 = 1, addsBeginning: Bool = true) -> AssociativeRecall {
    AssociativeRecall(
      candidates: Self.candidates, encoder: ByteEncoder(addsBeginning: addsBeginning), seed: seed)
  }

  /// The pairs of one half, read back from the tokens.
  private func pairs(_ tokens: ArraySlice<Int32>) throws -> [(key: Int32, value: Int32)] {
    let tokens = Array(tokens)
    try #require(tokens.count % 4 == 0)
    return stride(from: 0, to: tokens.count, by: 4).map { start in
      #expect(tokens[start + 1] == 58)
      #expect(tokens[start + 3] == 10)
      return (tokens[start], tokens[start + 2])
    }
  }

  @Test(arguments: [64, 128, 256, 512, 1024])
  func `Every key is given one value, and asked once, in another order`(length: Int) throws {
    let task = try recall().task(length: length, queries: 100)
    let count = (length - 1) / 8
    #expect(task.sequences.count == (100 + count - 1) / count)
    #expect(task.queries == task.sequences.count * count)
    for sequence in task.sequences {
      #expect(sequence.tokens.count == 1 + 8 * count)
      #expect(sequence.tokens[0] == 256)
      let given = try pairs(sequence.tokens[1..<1 + 4 * count])
      let asked = try pairs(sequence.tokens[(1 + 4 * count)...])
      #expect(Set(given.flatMap { [$0.key, $0.value] }).count == 2 * count)
      let values = Dictionary(uniqueKeysWithValues: given.map { ($0.key, $0.value) })
      #expect(asked.allSatisfy { values[$0.key] == $0.value })
      #expect(Set(asked.map(\.key)) == Set(given.map(\.key)))
      #expect(asked.map(\.key) != given.map(\.key))
    }
  }

  @Test func `Only the values of the queries are scored`() throws {
    let sequence = try recall().task(length: 100, queries: 1).sequences[0]
    let count = 12
    for (place, target) in sequence.targets.enumerated() {
      let next = place + 1
      let isAnswer = next > 4 * count && (next - 1) % 4 == 2
      #expect(target == (isAnswer ? sequence.tokens[next] : ignoredTarget))
    }
    #expect(sequence.scoredTokens == count)
  }

  @Test func `Sequences are a function of the seed, and differ from each other`() throws {
    let task = try recall(seed: 7).task(length: 64, queries: 30)
    #expect(task == (try recall(seed: 7).task(length: 64, queries: 30)))
    // More queries are more sequences, not others.
    #expect(
      try recall(seed: 7).task(length: 64, queries: 60).sequences.prefix(5).map(\.tokens)
        == task.sequences.prefix(5).map(\.tokens))
    #expect(Set(task.sequences.map(\.tokens)).count == task.sequences.count)
    #expect(task != (try recall(seed: 8).task(length: 64, queries: 30)))
  }

  @Test func `A tokenizer that begins no text makes room for the pairs alone`() throws {
    let task = try recall(addsBeginning: false).task(length: 64, queries: 8)
    #expect(task.sequences[0].tokens.count == 64)
    #expect(Self.candidates.contains(task.sequences[0].tokens[0]))
  }

  @Test func `Lengths without room, and vocabularies without words, are refused in words`() throws {
    let tooShort = #expect(throws: RecallError.self) { try recall().task(length: 8) }
    #expect(
      tooShort.map { "\($0)" }
        == "recall task mqar: a length of 8 tokens holds no pair and its query, which take 9; give a longer length"
    )
    let tooFew = #expect(throws: RecallError.self) { try recall().task(length: 2048) }
    #expect(
      tooFew.map { "\($0)" }
        == "recall task mqar: a length of 2048 tokens needs 510 different words, the vocabulary has 400; give a shorter length"
    )
    #expect(tooFew?.exitCode == .badData)
  }

  @Test func `Candidates named twice count once`() throws {
    let doubled = AssociativeRecall(
      candidates: Self.candidates + Self.candidates, encoder: ByteEncoder(), seed: 1)
    #expect(try doubled.task(length: 64) == recall().task(length: 64))
  }

  @Test func `Words are tokens of a space and three letters or more`() throws {
    let vocabulary = [
      "a", "Ġthe", "the", "Ġan", "ĠParis", "Ġ123", "Ġabc1", "Ġcafé", "Ġtown", "<|end|>", "Ġlate",
    ]
    let document: JSONValue = [
      "model": [
        "type": "BPE", "merges": [],
        "vocab": .object(
          JSONObject(vocabulary.enumerated().map { ($1, JSONValue.integer($0)) })),
      ],
      "pre_tokenizer": ["type": "ByteLevel", "add_prefix_space": false, "use_regex": true],
      "decoder": ["type": "ByteLevel"],
      "added_tokens": [
        [
          "id": 9, "content": "<|end|>", "special": true, "normalized": false, "lstrip": false,
          "rstrip": false, "single_word": false,
        ]
      ],
    ]
    let tokenizer = try Tokenizer(tokenizerJSON: document, configuration: nil, location: "test")
    #expect(AssociativeRecall.words(of: tokenizer, below: 11) == [1, 4, 8, 10])
    #expect(AssociativeRecall.words(of: tokenizer, below: 10) == [1, 4, 8])
    #expect(AssociativeRecall.words(of: tokenizer, below: 11, limit: 2) == [1, 4])
  }
}

import Documents
import Testing

@testable import Corpus

@Suite struct RecallSequencesTests {
  private func specification(_ document: JSONValue) throws -> DatasetSpecification {
    try DocumentReader.read(document) { DatasetSpecification($0) }
  }

  private func sequences(_ document: JSONValue, length: Int = 16) throws -> [PackedSequence] {
    Array(
      try TokenDataset.load(
        try specification(document), packing: PackingSpecification(sequenceLength: length),
        encoder: NoText(), vocabularySize: 32
      ).sequences)
  }

  @Test func `Every asked key has the value that it was told with, and only those are learned`()
    throws
  {
    let found = try sequences([
      "format": "associative-recall", "pairs": 4, "minimumPairs": 2, "vocabulary": 32,
      "sequences": 60, "seed": 5,
    ])
    #expect(found.count == 60)
    for (index, sequence) in found.enumerated() {
      let pairs = 2 + index % 3
      let told = stride(from: 0, to: 2 * pairs, by: 2).map {
        (sequence.tokens[$0], sequence.tokens[$0 + 1])
      }
      let values = Dictionary(uniqueKeysWithValues: told)
      #expect(values.count == pairs && Set(values.values).count == pairs)
      #expect(values.allSatisfy { (0..<16).contains($0.key) && (16..<32).contains($0.value) })
      for place in stride(from: 2 * pairs, to: 16, by: 2) {
        #expect(values[sequence.tokens[place]] == sequence.tokens[place + 1])
        #expect(sequence.labels[place + 1] == sequence.tokens[place + 1])
      }
      #expect(sequence.targetCount == 8 - pairs)
    }
    #expect(Set(found.map(\.tokens)).count > 55)
  }

  @Test func `The same seed gives the same sequences, another one others`() throws {
    let make = { (seed: JSONValue) in
      try sequences([
        "format": "associative-recall", "pairs": 3, "vocabulary": 20, "sequences": 8, "seed": seed,
      ])
    }
    #expect(try make(1) == make(1))
    #expect(try make(1) != make(2))
  }

  @Test(
    arguments: [
      (
        ["format": "associative-recall", "pairs": 9, "vocabulary": 16],
        "$.pairs: found 9, expected at most half of the vocabulary of 16"
      ),
      (
        ["format": "associative-recall", "pairs": 2, "minimumPairs": 3],
        "$.minimumPairs: found 3, expected at most pairs, 2"
      ),
      (
        ["format": "associative-recall", "path": "x"],
        "$.path: is given, but associative-recall is made by the program; remove it"
      ),
      (
        ["format": "associative-recall", "pairs": 2, "vocabulary": 64],
        "associative-recall: a vocabulary of 64, but the model has 32 tokens"
      ),
      (
        ["format": "associative-recall", "pairs": 8, "vocabulary": 32],
        "associative-recall: 8 pairs are 16 tokens, which leaves none to be asked in a sequenceLength of 16"
      ),
    ] as [(JSONValue, String)])
  func `What cannot be made is refused with the reason`(document: JSONValue, message: String) throws
  {
    let error = #expect(throws: (any Error).self) { try sequences(document) }
    #expect("\(try #require(error))".contains(message), "\(error!)")
  }
}

private struct NoText: TextEncoder {
  var endOfText: Int32? { nil }
  var beginningOfText: Int32? { nil }

  func encode(_ text: String, addSpecialTokens: Bool) -> [Int32] { [] }
}

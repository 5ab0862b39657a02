import Documents
import Testing

@testable import Corpus

struct TokenDatasetTests {
  private func load(
    _ text: String, length: Int, _ change: (inout PackingSpecification) -> Void = { _ in }
  ) throws -> TokenDataset {
    let folder = try DatasetFolder()
    var specification = DatasetSpecification(path: try folder.file("a.txt", text), format: .text)
    specification.documents = .line
    var packing = PackingSpecification(sequenceLength: length)
    change(&packing)
    return try TokenDataset.load(specification, packing: packing, encoder: ByteEncoder())
  }

  @Test func `What was read and what was dropped is counted`() throws {
    let dataset = try load("abc\n \nde\n", length: 4)
    #expect(dataset.sequences.map { ByteEncoder.text($0.tokens) } == ["abc$"])
    var expected = TokenDataset.Statistics()
    expected.documents = 2
    expected.emptyDocuments = 1
    expected.tokens = 7
    expected.droppedTokens = 3
    #expect(dataset.statistics == expected)
  }

  @Test func `Data that makes no sequence is an error that says why`() throws {
    func message(_ text: String, length: Int) throws -> String {
      let error = try #require(throws: DatasetError.self) { try load(text, length: length) }
      #expect(error.exitCode == .badData)
      return error.description
    }
    #expect(
      try message("", length: 4).hasSuffix(
        "a.txt: no document is left; 0 were empty, and skippedDocuments may pass over the others"))
    #expect(
      try message("ab\n", length: 9).hasSuffix(
        "1 documents of 3 tokens fill no sequence of 9; give more data, lower sequenceLength, or set lastRemainder to padded"
      ))
    #expect(try load("ab\n", length: 9) { $0.lastRemainder = .padded }.sequences.count == 1)
  }

  @Test func `Reading stops when the budget is used up`() throws {
    let dataset = try load("ab\ncd\nef\n", length: 3) { $0.maximumSequences = 2 }
    #expect(dataset.statistics.documents == 2)
    #expect(dataset.sequences.count == 2)
  }

  // MARK: Order

  @Test func `The draws are SplitMix64's`() {
    // The published sequence for the seed 1234567.
    let expected: [UInt64] = [
      6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423,
      4_593_380_528_125_082_431, 16_408_922_859_458_223_821,
    ]
    #expect((0..<5).map { SequenceOrder.draw($0, key: 1_234_567) } == expected)
  }

  @Test func `An epoch's order depends on its seed and number alone`() {
    func order(_ seed: UInt64, _ epoch: Int) -> [Int] {
      SequenceOrder.shuffled(count: 100, seed: seed, epoch: epoch)
    }
    #expect(order(42, 0).sorted() == Array(0..<100))
    #expect(order(42, 0) == order(42, 0))
    #expect(Set([order(42, 0), order(42, 1), order(43, 0), order(43, 1)]).count == 4)
    #expect(SequenceOrder.shuffled(count: 8, seed: 42, epoch: 0) == [4, 2, 5, 1, 7, 0, 6, 3])
    #expect(SequenceOrder.shuffled(count: 0, seed: 1, epoch: 0) == [])
    #expect(SequenceOrder.shuffled(count: 1, seed: 1, epoch: 0) == [0])
  }

  @Test func `Every order of a few sequences comes up about as often as any other`() {
    var counts: [[Int]: Int] = [:]
    for epoch in 0..<6000 {
      counts[SequenceOrder.shuffled(count: 3, seed: 7, epoch: epoch), default: 0] += 1
    }
    #expect(counts.count == 6)
    // Four standard deviations of a binomial with n = 6000, p = 1/6.
    #expect(counts.values.allSatisfy { abs($0 - 1000) < 116 })
  }

  @Test func `Batches cover the order, the last one with what is left`() {
    let sequence = PackedSequence(
      tokens: [1, 2], labels: [1, 2], segments: [SequenceSegment(start: 0, count: 2)])
    let dataset = TokenDataset(
      sequences: PackedSequences(Array(repeating: sequence, count: 5)))
    #expect(dataset.batches(of: 2) == [[0, 1], [2, 3], [4]])
    let order = SequenceOrder.shuffled(
      count: dataset.sequences.count, seed: 1, epoch: 3)
    #expect(dataset.batches(of: 2, order: order).flatMap { $0 } == order)
    #expect(dataset.batch([4, 0]).tokens == [1, 2, 1, 2])
  }

  // MARK: Token ids

  private func windows(
    _ json: String, length: Int, vocabularySize: Int? = nil,
    _ change: (inout PackingSpecification) -> Void = { _ in }
  ) throws -> [[Int32]] {
    let folder = try DatasetFolder()
    var packing = PackingSpecification(sequenceLength: length)
    change(&packing)
    return try TokenDataset.load(
      DatasetSpecification(path: folder.file("ids.json", json), format: .tokenIDs),
      packing: packing, encoder: ByteEncoder(), vocabularySize: vocabularySize
    ).sequences.map(\.tokens)
  }

  @Test func `Ready ids are cut into windows, list by list`() throws {
    #expect(try windows("[1,2,3,4,5]", length: 2) == [[1, 2], [3, 4]])
    #expect(try windows("[1,2,3,4]", length: 2) { $0.lastRemainder = .dropped }.count == 2)
    #expect(try windows("[[1,2,3],[4],[5,6]]", length: 2) == [[1, 2], [5, 6]])
    #expect(
      try windows("[[1,2,3,4,5]]", length: 3) { $0.lastRemainder = .padded }
        == [[1, 2, 3], [4, 5, 256]])
  }

  @Test(arguments: [
    ("[1,-2]", "$[1]: found the integer -2, expected a token id from 0 to 9"),
    ("[1,10]", "$[1]: found the integer 10, expected a token id from 0 to 9"),
    ("[[1],[\"a\"]]", "$[1][0]: found the string \"a\", expected a token id from 0 to 9"),
    ("[[1],2]", "$[1]: found the integer 2, expected a list of token ids"),
    ("{}", ": found an object of 0 members, expected a list of token ids, or of lists"),
    ("[1]", ": 1 lists of 1 ids fill no window of 2; give more, or lower sequenceLength"),
  ])
  func `Ids that are none are named with their place`(json: String, expected: String) throws {
    let error = try #require(throws: DatasetError.self) {
      try windows(json, length: 2, vocabularySize: 10)
    }
    #expect(error.description.hasSuffix(expected), "\(error)")
  }

  // MARK: Recipes

  @Test func `A recipe gives every option, and the format its defaults`() throws {
    let chat = try DocumentReader.read(["path": "x", "format": "jsonl-chat"]) {
      DatasetSpecification($0)
    }
    #expect(chat == DatasetSpecification(path: "x", format: .jsonlChat))
    #expect(!chat.appendEndOfText)
    let packing = try DocumentReader.read(
      ["sequenceLength": 1024, "documentBoundaries": "ignored", "lastRemainder": "dropped"]
    ) { PackingSpecification($0) }
    var lolcats = PackingSpecification(sequenceLength: 1024)
    lolcats.documentBoundaries = .ignored
    lolcats.lastRemainder = .dropped
    #expect(packing == lolcats)
  }

  @Test func `Options that contradict each other are reported with their path`() throws {
    let separator = #expect(throws: DocumentError.self) {
      try DocumentReader.read(["path": "x", "format": "text", "documents": "separatorLine"]) {
        DatasetSpecification($0)
      }
    }
    #expect(separator?.diagnostics.map(\.path) == ["$.documentSeparator"])
    let budget = #expect(throws: DocumentError.self) {
      try DocumentReader.read(["sequenceLength": 64, "maximumTokens": 63]) {
        PackingSpecification($0)
      }
    }
    #expect(budget?.diagnostics.map(\.path) == ["$.maximumTokens"])
  }
}

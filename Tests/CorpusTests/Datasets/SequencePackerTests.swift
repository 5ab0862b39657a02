import Testing

@testable import Corpus

struct SequencePackerTests {
  private func pack(
    _ documents: [EncodedDocument], length: Int,
    _ change: (inout PackingSpecification) -> Void = { _ in }
  ) throws -> SequencePacker {
    var specification = PackingSpecification(sequenceLength: length)
    change(&specification)
    var packer = SequencePacker(specification, paddingToken: 0)
    for document in documents { try packer.append(document) }
    packer.finish()
    return packer
  }

  /// Documents of these lengths; tokens count up from 1.
  private func documents(_ counts: Int...) -> [EncodedDocument] {
    var next: Int32 = 1
    return counts.map { count in
      defer { next += Int32(count) }
      return EncodedDocument(tokens: (0..<Int32(count)).map { next + $0 })
    }
  }

  private func segments(_ packer: SequencePacker) -> [[[Int]]] {
    packer.sequences.map { $0.segments.map { [$0.start, $0.count] } }
  }

  @Test func `Documents follow each other and are cut where a sequence is full`() throws {
    let packer = try pack(documents(3, 4, 1, 5), length: 4)
    #expect(packer.sequences.map(\.tokens) == [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12]])
    #expect(segments(packer) == [[[0, 3], [3, 1]], [[0, 3], [3, 1]], [[0, 4]]])
    #expect(packer.sequences.allSatisfy { $0.labels == $0.tokens })
    #expect(packer.sequences[0].targets == [2, 3, -100, -100])
    #expect(packer.sequences[2].targets == [10, 11, 12, -100])
    #expect(packer.droppedTokens == 1)
  }

  @Test func `Without boundaries a sequence is one text`() throws {
    let packer = try pack(documents(3, 4, 1), length: 4) { $0.documentBoundaries = .ignored }
    #expect(segments(packer) == [[[0, 4]], [[0, 4]]])
    #expect(packer.sequences[0].targets == [2, 3, 4, -100])
  }

  @Test(arguments: 1...9)
  func `However documents are cut, all tokens come out once and in order`(length: Int) throws {
    let packer = try pack(documents(1, 1, 7, 2, 16, 1, 3), length: length) {
      $0.lastRemainder = .padded
      $0.dropUnlabelled = false
    }
    let tokens = packer.sequences.flatMap { sequence in
      sequence.segments.flatMap { sequence.tokens[$0.range] }
    }
    #expect(tokens == Array(1...31))
    #expect(packer.sequences.allSatisfy { $0.tokens.count == length })
  }

  @Test func `The last remainder is dropped, dropped as LoLCATs does, or padded`() throws {
    func tokens(_ count: Int, _ rest: PackingSpecification.LastRemainder) throws -> [[Int32]] {
      try pack(documents(count), length: 3) { $0.lastRemainder = rest }.sequences.map(\.tokens)
    }
    #expect(try tokens(6, .droppedIfPartial) == [[1, 2, 3], [4, 5, 6]])
    #expect(try tokens(6, .dropped) == [[1, 2, 3]])
    #expect(try tokens(7, .dropped) == [[1, 2, 3], [4, 5, 6]])
    #expect(try tokens(6, .padded) == [[1, 2, 3], [4, 5, 6]])
    #expect(try tokens(5, .padded) == [[1, 2, 3], [4, 5, 0]])
    #expect(try tokens(2, .droppedIfPartial) == [])
    #expect(try tokens(2, .padded) == [[1, 2, 0]])
  }

  @Test func `LoLCATs' packing is this one with boundaries ignored and the remainder dropped`()
    throws
  {
    let documents = documents(5, 1, 9, 3, 4, 2)
    for length in 2...12 {
      let packer = try pack(documents, length: length) {
        $0.documentBoundaries = .ignored
        $0.lastRemainder = .dropped
      }
      // src/dataloaders/utils/packing.py, written out.
      var buffer: [Int32] = []
      var expected: [[Int32]] = []
      for document in documents {
        buffer += document.tokens
        while buffer.count > length {
          expected.append(Array(buffer.prefix(length)))
          buffer.removeFirst(length)
        }
      }
      #expect(packer.sequences.map(\.tokens) == expected)
    }
  }

  @Test func `A padded sequence hides its padding on either side`() throws {
    for (side, tokens, start) in [
      (PackingSpecification.PaddingSide.right, [1, 2, 0, 0] as [Int32], 0),
      (.left, [0, 0, 1, 2], 2),
    ] {
      let packer = try pack(documents(2, 4), length: 4) {
        $0.packing = .oneDocument
        $0.paddingSide = side
      }
      let sequence = packer.sequences[0]
      #expect(sequence.tokens == tokens)
      #expect(sequence.labels == tokens.map { $0 == 0 ? -100 : $0 })
      #expect(sequence.segments == [SequenceSegment(start: start, count: 2)])
      #expect(sequence.targets.filter { $0 != -100 } == [2])
      #expect(sequence.targets[start] == 2)
      #expect(packer.sequences[1].tokens == [3, 4, 5, 6])
      #expect(packer.sequences[1].segments == [SequenceSegment(start: 0, count: 4)])
    }
  }

  @Test func `A document too long for a sequence of its own is split, truncated or refused`() throws
  {
    func tokens(_ long: PackingSpecification.LongDocuments) throws -> [[Int32]] {
      try pack(documents(5), length: 3) {
        $0.packing = .oneDocument
        $0.longDocuments = long
      }.sequences.map(\.tokens)
    }
    #expect(try tokens(.split) == [[1, 2, 3], [4, 5, 0]])
    #expect(try tokens(.truncated) == [[1, 2, 3]])
    let error = try #require(throws: DatasetError.self) { try tokens(.refused) }
    #expect(error.description.hasPrefix("a document of 5 tokens does not fit a sequence of 3"))
  }

  @Test func `The token that a tokenizer closes a text with stays when the text is truncated`()
    throws
  {
    let folder = try DatasetFolder()
    var specification = DatasetSpecification(
      path: try folder.file("a.txt", "abcde"), format: .text)
    specification.appendEndOfText = false
    var encoder = ByteEncoder()
    func truncated(to length: Int) throws -> String {
      let packed = try pack(folder.documents(specification, encoder: encoder), length: length) {
        $0.packing = .oneDocument
        $0.longDocuments = .truncated
        $0.dropUnlabelled = false
      }
      return ByteEncoder.text(try #require(packed.sequences.first).tokens)
    }
    #expect(try truncated(to: 4) == "abcd")
    encoder.addsClosing = true
    #expect(try truncated(to: 6) == "abcde$")
    #expect(try truncated(to: 4) == "abc$")
    #expect(try truncated(to: 1) == "a")
    // An end that the recipe asks for is the end of the whole text.
    encoder.addsClosing = false
    specification.appendEndOfText = true
    #expect(try truncated(to: 4) == "abcd")
  }

  @Test func `Documents of one token teach nothing where boundaries are kept`() throws {
    let single = documents(1, 1, 1, 1)
    let kept = try pack(single, length: 2)
    #expect(kept.sequences.isEmpty)
    #expect(kept.unlabelledSequences == 2)
    let ignored = try pack(single, length: 2) { $0.documentBoundaries = .ignored }
    #expect(ignored.sequences.map(\.targets) == [[2, -100], [4, -100]])
    let all = try pack(single, length: 2) { $0.dropUnlabelled = false }
    #expect(all.sequences.map(\.targets) == [[-100, -100], [-100, -100]])
  }

  @Test func `Sequences without a label go, unless they are asked for`() throws {
    let document = EncodedDocument(
      tokens: [1, 2, 3, 4, 5, 6], labels: [-100, -100, -100, -100, 5, 6])
    let packer = try pack([document], length: 2)
    #expect(packer.sequences.map(\.tokens) == [[5, 6]])
    #expect(packer.unlabelledSequences == 2)
    #expect(try pack([document], length: 2) { $0.dropUnlabelled = false }.sequences.count == 3)
  }

  @Test func `Budgets count sequences and tokens`() throws {
    let two = try pack(documents(9), length: 2) { $0.maximumSequences = 2 }
    #expect(two.sequences.map(\.tokens) == [[1, 2], [3, 4]])
    #expect(two.isFull)
    #expect(two.droppedTokens == 5)
    let tokens = try pack(documents(9), length: 2) { $0.maximumTokens = 7 }
    #expect(tokens.sequences.count == 3)
  }

  @Test func `A batch lays its rows after each other, segments and targets with them`() throws {
    let packer = try pack(documents(3, 5), length: 4)
    let batch = PackedBatch(packer.sequences)
    #expect(batch.rows == 2)
    #expect(batch.sequenceLength == 4)
    #expect(batch.tokens == Array(1...8))
    #expect(
      batch.segments == [
        SequenceSegment(start: 0, count: 3), .init(start: 3, count: 1), .init(start: 4, count: 4),
      ])
    #expect(batch.targets == packer.sequences.flatMap(\.targets))
  }
}

import Documents
import Foundation
import Testing

@testable import Corpus

struct IndexedTokenTests {
  private static func golden(_ name: String) throws -> String {
    try #require(
      Bundle.module.url(forResource: "Goldens/binidx/\(name)", withExtension: nil)
    ).path
  }

  private static func expected() throws -> JSONValue {
    try JSONValue(parsing: Data(contentsOf: URL(fileURLWithPath: golden("expected.json"))))
  }

  private static func ids(_ value: JSONValue) -> [Int32] {
    value.arrayValue!.map { Int32($0.intValue!) }
  }

  @Test(arguments: ["short", "wide"])
  func `Files of Megatron's writer read as its reader reads them`(name: String) throws {
    let file = try IndexedTokenFile(try Self.golden("\(name).bin"))
    let expected = try Self.expected()["files"]![name]!
    let vocabulary = expected["vocabulary"]!.intValue!
    let found = try file.documents.map { try file.tokens($0, vocabularySize: vocabulary) }
    #expect(found == expected["documents"]!.arrayValue!.map(Self.ids))
  }

  @Test func `Documents become sequences as those of a text do`() throws {
    var specification = DatasetSpecification(path: try Self.golden("short.bin"), format: .binidx)
    var packing = PackingSpecification(sequenceLength: 8)
    let load = {
      try TokenDataset.load(
        specification, packing: packing, encoder: ByteEncoder(), vocabularySize: 65_536)
    }
    let dataset = try load()
    #expect(
      dataset.sequences.map(\.tokens) == [Array(0..<8), [8, 9, 300, 65_535, 0, 7, 8, 49_999]])
    #expect(dataset.sequences[1].segments.map(\.count) == [2, 5, 1])
    #expect(dataset.statistics.tokens == 17 && dataset.statistics.emptyDocuments == 1)
    #expect(dataset.files.map { ($0 as NSString).lastPathComponent } == ["short.bin", "short.idx"])
    specification.skippedDocuments = 1
    packing.sequenceLength = 3
    #expect(
      try load().sequences.map(\.tokens) == [[300, 65_535, 0], [7, 8, 49_999]])
    specification.maximumDocuments = 1
    #expect(try load().sequences.map(\.tokens) == [[300, 65_535, 0]])
  }

  /// Packing that the windows of a mapped file serve, and what they have to equal: the packer, which
  /// takes the same documents one by one.
  struct Windows: Sendable, CustomTestStringConvertible {
    var length = 5
    var boundaries = PackingSpecification.DocumentBoundaries.kept
    var lastRemainder = PackingSpecification.LastRemainder.droppedIfPartial
    var maximumSequences: Int?
    var testDescription: String {
      "\(length), \(boundaries), \(lastRemainder), \(maximumSequences ?? 0)"
    }

    static let all = [
      Windows(), Windows(length: 3), Windows(length: 64), Windows(boundaries: .ignored),
      Windows(length: 2, boundaries: .ignored), Windows(lastRemainder: .dropped),
      // 5 sequences of 12 are all there is: the last is dropped when nothing follows.
      Windows(length: 12, lastRemainder: .dropped), Windows(length: 12),
      Windows(maximumSequences: 1), Windows(lastRemainder: .dropped, maximumSequences: 3),
      // Served by the packer itself: it pads, or leaves out sequences of documents of one token.
      Windows(length: 7, lastRemainder: .padded), Windows(length: 4), Windows(length: 2),
    ]
  }

  @Test(arguments: Windows.all)
  func `Sequences read from the mapped file are those that packing makes`(_ windows: Windows) throws
  {
    let folder = try DatasetFolder()
    // 60 ids, not in the order of their documents.
    let counts: [Int32] = [2, 9, 12, 3, 30, 2, 1, 1]
    let order = [3, 0, 4, 1, 6, 7, 5, 2]
    let starts = counts.indices.map { counts[..<$0].reduce(0, +) }
    let ids = (0..<60).map { Int32(($0 * 7) % 53) }
    let bytes = { (value: any FixedWidthInteger) in
      withUnsafeBytes(of: Int64(value)) { Array($0) }
    }
    _ = try folder.file(
      "a.bin", bytes: ids.flatMap { withUnsafeBytes(of: $0.littleEndian) { Array($0) } })
    var index = IndexedTokenFile.magic + bytes(1) + [4] + bytes(8) + bytes(9)
    index += order.flatMap { withUnsafeBytes(of: counts[$0]) { Array($0) } }
    index += order.flatMap { bytes(4 * starts[$0]) } + (0...8).flatMap { bytes($0) }
    let path = try folder.file("a.idx", bytes: index).replacing(".idx", with: ".bin")

    var packing = PackingSpecification(sequenceLength: windows.length)
    packing.documentBoundaries = windows.boundaries
    packing.lastRemainder = windows.lastRemainder
    packing.maximumSequences = windows.maximumSequences
    var packer = SequencePacker(packing, paddingToken: 256)
    var read = 0
    for document in order where !packer.isFull {
      let range = Int(starts[document])..<Int(starts[document] + counts[document])
      try packer.append(EncodedDocument(tokens: Array(ids[range])))
      read += range.count
    }
    packer.finish()
    let load = {
      try TokenDataset.load(
        DatasetSpecification(path: path, format: .binidx), packing: packing,
        encoder: ByteEncoder(), vocabularySize: 53)
    }
    if packer.sequences.isEmpty {
      #expect(throws: DatasetError.self) { try load() }
      return
    }
    let dataset = try load()
    #expect(Array(dataset.sequences) == packer.sequences)
    #expect(dataset.statistics.tokens == read)
    #expect(dataset.statistics.droppedTokens == packer.droppedTokens)
    #expect(dataset.statistics.unlabelledSequences == packer.unlabelledSequences)
  }

  @Test func `Sequences of several data sets follow each other`() {
    let sequence = { (id: Int32) in
      PackedSequence(tokens: [id, id], labels: [id, id], segments: [.init(start: 0, count: 2)])
    }
    var sequences = PackedSequences([sequence(1)])
    sequences += PackedSequences()
    sequences += PackedSequences([sequence(2), sequence(3)])
    #expect(sequences.map(\.tokens[0]) == [1, 2, 3] && sequences.count == 3)
  }

  @Test func `An id beyond the vocabulary is refused with its place and value`() throws {
    let path = try Self.golden("short.bin")
    let error = #expect(throws: DatasetError.self) {
      try TokenDataset.load(
        DatasetSpecification(path: path, format: .binidx),
        packing: PackingSpecification(sequenceLength: 4), encoder: ByteEncoder(),
        vocabularySize: 50_000)
    }
    #expect(
      error?.description
        == "\(path), token 11 (byte 22): found the id 65535, expected one from 0 to 49999; use "
        + "tokens of the teacher's own tokenizer")
    #expect(error?.exitCode == .badData)
  }

  // MARK: Hostile files

  /// An index of 2 sequences and 2 documents, changed.
  private static func index(_ change: (inout [UInt8]) -> Void) -> [UInt8] {
    func bytes(_ value: some FixedWidthInteger) -> [UInt8] {
      withUnsafeBytes(of: value.littleEndian) { Array($0) }
    }
    var index = IndexedTokenFile.magic + bytes(UInt64(1)) + [8] + bytes(UInt64(2))
    index += bytes(UInt64(3)) + bytes(Int32(3)) + bytes(Int32(1)) + bytes(Int64(0))
    index += bytes(Int64(6)) + bytes(Int64(0)) + bytes(Int64(1)) + bytes(Int64(2))
    change(&index)
    return index
  }

  struct Hostile: Sendable, CustomTestStringConvertible {
    let testDescription: String
    var tokens: [UInt8] = [1, 0, 2, 0, 3, 0, 4, 0]
    let change: @Sendable (inout [UInt8]) -> Void
    let message: String
  }

  static let hostile: [Hostile] = [
    Hostile(
      testDescription: "magic", change: { $0[0] = 0x54 },
      message: "a.idx: does not begin with MMIDIDX, expected the index of a .bin file of tokens"),
    Hostile(
      testDescription: "empty", change: { $0 = [] },
      message: "a.idx: does not begin with MMIDIDX, expected the index of a .bin file of tokens"),
    Hostile(
      testDescription: "version", change: { $0[9] = 2 },
      message: "a.idx: the version is 2, expected 1"),
    Hostile(
      testDescription: "type", change: { $0[17] = 7 },
      message:
        "a.idx: the type of ids is 7, expected 1, 3, 4, 5 or 8 (whole numbers of 8 to 64 bits)"
    ),
    Hostile(
      testDescription: "truncated header", change: { $0.removeLast($0.count - 20) },
      message: "a.idx: ends at byte 20, within the number of sequences"),
    Hostile(
      testDescription: "truncated", change: { $0.removeLast() },
      message: "a.idx: says that it has 2 sequences and 3 documents, whose entries take 12 and 8 "
        + "bytes, but 47 bytes follow"),
    Hostile(
      testDescription: "counts too large",
      change: { $0.replaceSubrange(18..<26, with: [UInt8](repeating: 0xFF, count: 8)) },
      message: "a.idx: says that it has 18446744073709551615 sequences and 3 documents, whose "
        + "entries take 12 and 8 bytes, but 48 bytes follow"),
    Hostile(
      testDescription: "negative size", change: { $0[37] = 0x80 },
      message: "a.idx: sequence 0 has -2147483645 ids, expected at least 0"),
    Hostile(
      testDescription: "beyond the end", change: { $0[34] = 5 },
      message: "a.idx: sequence 0 takes 10 bytes from byte 0, but PATH/a.bin has 8 (2 an id)"),
    Hostile(
      testDescription: "negative pointer", change: { $0[57] = 0x80 },
      message:
        "a.idx: sequence 1 takes 2 bytes from byte -9223372036854775802, but PATH/a.bin has 8 "
        + "(2 an id)"),
    Hostile(
      testDescription: "odd pointer", change: { $0[50] = 5 },
      message: "a.idx: sequence 1 takes 2 bytes from byte 5, but PATH/a.bin has 8 (2 an id)"),
    Hostile(
      testDescription: "overlap", change: { $0[50] = 4 },
      message:
        "a.idx: sequence 1 overlaps sequence 0: they take the bytes 4 to 6 and 0 to 6, expected "
        + "sequences that share none"),
    Hostile(
      testDescription: "overlap out of order",
      change: {
        ($0[34], $0[38]) = (2, 2)
        ($0[42], $0[50]) = (2, 0)
      },
      message:
        "a.idx: sequence 1 overlaps sequence 0: they take the bytes 0 to 4 and 2 to 6, expected "
        + "sequences that share none"),
    Hostile(
      testDescription: "documents fall", change: { $0[66] = 7 },
      message: "a.idx: document 0 goes from sequence 0 to 7, expected rising numbers up to 2"),
    Hostile(
      testDescription: "documents end early", change: { $0[74] = 1 },
      message: "a.idx: documents go from sequence 0 to 1, expected 0 to 2"),
    Hostile(
      testDescription: "half an id", tokens: [1, 0, 2, 0, 3, 0, 4], change: { _ in },
      message: "a.bin: has 7 bytes, expected a multiple of the 2 of an id"),
  ]

  @Test(arguments: hostile)
  func `A file that is not what its index says is refused with the place`(_ hostile: Hostile) throws
  {
    let folder = try DatasetFolder()
    let path = try folder.file("a.bin", bytes: hostile.tokens)
    _ = try folder.file("a.idx", bytes: Self.index(hostile.change))
    let error = #expect(throws: DatasetError.self) { try IndexedTokenFile(path) }
    #expect(
      error?.description
        == "\(folder.path)/" + hostile.message.replacing("PATH", with: folder.path))
  }

  @Test func `The same file unharmed is read, and one without its index is a missing input`() throws
  {
    let folder = try DatasetFolder()
    let path = try folder.file("a.bin", bytes: [1, 0, 2, 0, 3, 0, 4, 0])
    let missing = #expect(throws: DatasetError.self) { try IndexedTokenFile(path) }
    #expect(
      missing?.description
        == "\(folder.path)/a.idx: cannot open the tokens: No such file or directory")
    #expect(missing?.exitCode == .missingInput)
    _ = try folder.file("a.idx", bytes: Self.index { _ in })
    let file = try IndexedTokenFile(path)
    #expect(try file.documents.map { try file.tokens($0, vocabularySize: 5) } == [[1, 2, 3], [4]])
  }

  // MARK: Order

  @Test func `Samples stand where the reference's code takes them`() throws {
    for stream in try Self.expected()["orders"]!.arrayValue! {
      let length = stream["length"]!.intValue!
      let order = try #require(
        RADLADSOrder(tokens: stream["tokens"]!.intValue!, length: length))
      #expect(order.period == stream["prime"]?.intValue)
      let samples = stream["samples"]!.arrayValue!.map { $0.intValue! - 1 }
      #expect(
        samples.map { order.window($0) * length }
          == stream["offsets"]!.arrayValue!.map { $0.intValue! })
    }
  }

  @Test func `An epoch takes every window up to the prime once, and too short a stream has none`()
    throws
  {
    let order = try #require(RADLADSOrder(tokens: 46_000, length: 64))
    #expect((0..<order.period).map(order.window).sorted() == Array(0..<order.period))
    #expect(RADLADSOrder(tokens: 3 * 64, length: 64) == nil)
    #expect(RADLADSOrder(tokens: 3 * 64 + 1, length: 64)?.period == 2)
  }
}

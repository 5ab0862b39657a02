import Documents
import Foundation

/// Token ids as Megatron and RWKV keep them: `NAME.bin`, the ids one after the other, and
/// `NAME.idx` beside it, which says how wide an id is and where texts begin. All little endian:
///
///     "MMIDIDX\0\0"   9 bytes
///     version         UInt64, 1
///     type            UInt8: 1 UInt8, 3 Int16, 4 Int32, 5 Int64, 8 UInt16
///     n, m            UInt64 each
///     sizes           Int32 × n, ids of every sequence
///     pointers        Int64 × n, byte of NAME.bin at which a sequence begins
///     documents       Int64 × m, sequence with which a document begins, and n at the end
public struct IndexedTokenFile: Sendable {
  /// The bytes that an index begins with.
  public static let magic = Array("MMIDIDX\0\0".utf8)
  static let headerBytes = 9 + 8 + 1 + 8 + 8

  /// How ids are stored.
  public enum Width: UInt8, Sendable {
    case uint8 = 1
    case int16 = 3
    case int32 = 4
    case int64 = 5
    case uint16 = 8

    /// Bytes of one id.
    public var bytes: Int {
      switch self {
      case .uint8: 1
      case .int16, .uint16: 2
      case .int32: 4
      case .int64: 8
      }
    }
  }

  /// The `.bin` file as it was named.
  public let path: String
  /// How its ids are stored.
  public let width: Width
  /// Ids in the whole file, also between the documents.
  public let tokenCount: Int
  /// Ranges of ids, in the order of the index; contiguous pieces of a document are one.
  public let documents: [Range<Int>]
  private let bytes: Data

  /// The index beside a file of ids: `NAME.idx` of `NAME.bin`.
  public static func indexPath(of path: String) -> String {
    (path.hasSuffix(".bin") ? String(path.dropLast(4)) : path) + ".idx"
  }

  /// - Parameter path: `NAME.bin`.
  /// - Throws: `DatasetError`, naming the place of what is wrong.
  public init(_ path: String) throws {
    self.path = path
    let indexPath = Self.indexPath(of: path)
    guard path.hasSuffix(".bin") else {
      throw DatasetError.badData(
        "\(path): expected the .bin file of a pair, whose .idx file lies beside it")
    }
    var index = IndexCursor(try Self.map(indexPath), path: indexPath)
    bytes = try Self.map(path)
    try index.expectMagic()
    let version: UInt64 = try index.next("the version")
    if version != 1 { throw index.error("the version is \(version), expected 1") }
    let code: UInt8 = try index.next("the type")
    guard let width = Width(rawValue: code) else {
      throw index.error(
        "the type of ids is \(code), expected 1, 3, 4, 5 or 8 (whole numbers of 8 to 64 bits)")
    }
    self.width = width
    if bytes.count % width.bytes != 0 {
      throw DatasetError.badData(
        "\(path): has \(bytes.count) bytes, expected a multiple of the \(width.bytes) of an id")
    }
    tokenCount = bytes.count / width.bytes
    let counts = (
      sequences: try index.next("the number of sequences") as UInt64,
      documents: try index.next("the number of documents") as UInt64
    )
    let (sequences, starts) = try index.counts(counts.sequences, counts.documents)
    guard sequences <= tokenCount + Self.maximumEmpty, starts <= sequences + Self.maximumEmpty
    else {
      throw index.error(
        "says that it has \(sequences) sequences and \(starts) documents, but \(path) has"
          + " \(tokenCount) ids; more than \(Self.maximumEmpty) of them would be empty")
    }
    let sizes: [Int32] = try index.next(sequences, "the sizes")
    let pointers: [Int64] = try index.next(sequences, "the pointers")
    let documents: [Int64] = try index.next(starts, "the documents")
    let size = bytes.count
    let ranges = try zip(sizes, pointers).enumerated().map { position, entry in
      try Self.range(entry.0, entry.1, position, width: width, bytes: size, path: path, index)
    }
    try Self.requireApart(ranges, width: width, index)
    self.documents = try Self.documents(documents, ranges, index)
  }

  /// Sequences and documents without ids that are not refused.
  private static let maximumEmpty = 1 << 16

  /// Sequences may stand in any order, but every id is in one of them: a few bytes of an index could
  /// else ask for the whole file again and again.
  private static func requireApart(
    _ ranges: [Range<Int>], width: Width, _ index: IndexCursor
  ) throws {
    let inOrder = zip(ranges, ranges.dropFirst()).allSatisfy { $0.upperBound <= $1.lowerBound }
    if inOrder { return }
    let order = ranges.indices.filter { !ranges[$0].isEmpty }.sorted {
      ranges[$0].lowerBound < ranges[$1].lowerBound
    }
    for (first, second) in zip(order, order.dropFirst())
    where ranges[second].lowerBound < ranges[first].upperBound {
      throw index.error(
        "sequence \(max(first, second)) overlaps sequence \(min(first, second)): they take the bytes"
          + " \(bytes(ranges[max(first, second)], width)) and \(bytes(ranges[min(first, second)], width)),"
          + " expected sequences that share none")
    }
  }

  private static func bytes(_ range: Range<Int>, _ width: Width) -> String {
    "\(range.lowerBound * width.bytes) to \(range.upperBound * width.bytes)"
  }

  private static func map(_ path: String) throws -> Data {
    var status = stat()
    if stat(path, &status) != 0 { throw DatasetError.cannot("open the tokens", path, errno) }
    do throws(DocumentFile.Failure) {
      try InputFile.requireRegular(status, path)
    } catch {
      throw DatasetError(error)
    }
    // There is nothing to map of an empty file.
    if status.st_size == 0 { return Data() }
    do {
      return try Data(contentsOf: URL(fileURLWithPath: path), options: .alwaysMapped)
    } catch {
      throw DatasetError.cannot("read the tokens", path, EIO)
    }
  }

  private static func range(
    _ size: Int32, _ pointer: Int64, _ position: Int, width: Width, bytes: Int, path: String,
    _ index: IndexCursor
  ) throws -> Range<Int> {
    if size < 0 {
      throw index.error("sequence \(position) has \(size) ids, expected at least 0")
    }
    let length = Int(size) * width.bytes
    guard pointer >= 0, pointer % Int64(width.bytes) == 0, Int(pointer) <= bytes - length else {
      throw index.error(
        "sequence \(position) takes \(length) bytes from byte \(pointer), but \(path) has \(bytes)"
          + " (\(width.bytes) an id)")
    }
    let start = Int(pointer) / width.bytes
    return start..<start + Int(size)
  }

  /// Sequences of a document, put together where they follow each other in the file.
  private static func documents(
    _ starts: [Int64], _ ranges: [Range<Int>], _ index: IndexCursor
  ) throws -> [Range<Int>] {
    if starts.count < 2 { return ranges }
    if starts.first != 0 || starts.last != Int64(ranges.count) {
      throw index.error(
        "documents go from sequence \(starts[0]) to \(starts.last!), expected 0 to \(ranges.count)")
    }
    return try zip(starts, starts.dropFirst()).enumerated().flatMap { position, bounds in
      guard bounds.0 <= bounds.1, bounds.1 <= Int64(ranges.count) else {
        throw index.error(
          "document \(position) goes from sequence \(bounds.0) to \(bounds.1), expected rising"
            + " numbers up to \(ranges.count)")
      }
      return ranges[Int(bounds.0)..<Int(bounds.1)].reduce(into: [Range<Int>]()) { joined, range in
        if let last = joined.last, last.upperBound == range.lowerBound {
          joined[joined.count - 1] = last.lowerBound..<range.upperBound
        } else {
          joined.append(range)
        }
      }
    }
  }

  /// Ids of a range, once they were checked.
  func tokens(_ range: Range<Int>) -> [Int32] {
    switch width {
    case .uint8: ids(of: UInt8.self, range)
    case .int16: ids(of: Int16.self, range)
    case .int32: ids(of: Int32.self, range)
    case .int64: ids(of: Int64.self, range)
    case .uint16: ids(of: UInt16.self, range)
    }
  }

  /// Ids of a range.
  ///
  /// - Throws: as `check`.
  public func tokens(_ range: Range<Int>, vocabularySize: Int?) throws -> [Int32] {
    try check(range, vocabularySize: vocabularySize)
    return tokens(range)
  }

  /// - Throws: `DatasetError` with the place and the value of the first id that is not below the
  ///   vocabulary size.
  func check(_ range: Range<Int>, vocabularySize: Int?) throws {
    let limit = min(vocabularySize ?? .max, Int(Int32.max))
    switch width {
    case .uint8: try check(UInt8.self, range, limit)
    case .int16: try check(Int16.self, range, limit)
    case .int32: try check(Int32.self, range, limit)
    case .int64: try check(Int64.self, range, limit)
    case .uint16: try check(UInt16.self, range, limit)
    }
  }

  private func check<Value: FixedWidthInteger>(
    _ type: Value.Type, _ range: Range<Int>, _ limit: Int
  ) throws {
    try bytes.withUnsafeBytes { bytes in
      for position in range {
        let value = Self.value(type, bytes, position)
        if value < 0 || value >= limit {
          throw DatasetError.badData(
            "\(path), token \(position) (byte \(position * width.bytes)): found the id \(value),"
              + " expected one from 0 to \(limit - 1); use tokens of the teacher's own tokenizer")
        }
      }
    }
  }

  private func ids<Value: FixedWidthInteger>(of type: Value.Type, _ range: Range<Int>) -> [Int32] {
    bytes.withUnsafeBytes { bytes in range.map { Int32(Self.value(type, bytes, $0)) } }
  }

  private static func value<Value: FixedWidthInteger>(
    _ type: Value.Type, _ bytes: UnsafeRawBufferPointer, _ position: Int
  ) -> Value {
    Value(
      littleEndian: bytes.loadUnaligned(
        fromByteOffset: position * MemoryLayout<Value>.size, as: Value.self))
  }
}

/// Reads the index from its start, and knows where it is.
private struct IndexCursor {
  private let bytes: Data
  private let path: String
  private var offset = 0

  init(_ bytes: Data, path: String) {
    self.bytes = bytes
    self.path = path
  }

  func error(_ message: String) -> DatasetError { .badData("\(path): \(message)") }

  mutating func expectMagic() throws {
    let magic = IndexedTokenFile.magic
    guard bytes.prefix(magic.count).elementsEqual(magic) else {
      throw error("does not begin with MMIDIDX, expected the index of a .bin file of tokens")
    }
    offset = magic.count
  }

  mutating func next<Value: FixedWidthInteger>(_ what: String) throws -> Value {
    try next(1, what)[0]
  }

  mutating func next<Value: FixedWidthInteger>(_ count: Int, _ what: String) throws -> [Value] {
    let size = MemoryLayout<Value>.size
    guard bytes.count - offset >= count * size else {
      throw error("ends at byte \(bytes.count), within \(what)")
    }
    defer { offset += count * size }
    return bytes.withUnsafeBytes { bytes in
      (0..<count).map {
        Value(littleEndian: bytes.loadUnaligned(fromByteOffset: offset + $0 * size, as: Value.self))
      }
    }
  }

  /// Counts that the rest of the file holds exactly, before anything of their size is allocated.
  func counts(_ sequences: UInt64, _ documents: UInt64) throws -> (Int, Int) {
    let rest = UInt64(bytes.count - offset)
    guard sequences <= rest / 12, documents <= rest / 8, sequences * 12 + documents * 8 == rest
    else {
      throw error(
        "says that it has \(sequences) sequences and \(documents) documents, whose entries take 12"
          + " and 8 bytes, but \(rest) bytes follow")
    }
    return (Int(sequences), Int(documents))
  }
}

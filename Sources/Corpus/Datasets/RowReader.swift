/// Reads a file of JSON objects, one a line, or all of them in one array, as Alpaca's data and many
/// others are published. Only one object is in memory.
final class RowReader {
  private let reader: LineReader
  private enum Form { case unknown, lines, array, ended }
  private var form = Form.unknown
  /// What is left of the array's line that is being read.
  private var rest: ArraySlice<UInt8> = []
  private var number = 0

  /// - Throws: `DatasetError` when the file cannot be opened.
  init(path: String) throws { reader = try LineReader(path: path) }

  /// The next object's text and the line that it begins on; nil at the end. Lines of white space alone
  /// are passed over.
  ///
  /// - Throws: `DatasetError`.
  func next() throws -> LineReader.Line? {
    switch form {
    case .unknown:
      guard let line = try nextLine() else { return nil }
      guard line.bytes.first(where: { !Self.isSpace($0) }) == UInt8(ascii: "[") else {
        form = .lines
        return line
      }
      form = .array
      (rest, number) = (line.bytes[...], line.number)
      _ = try nextByte()
      return try nextElement(isFirst: true)
    case .lines: return try nextLine()
    case .array: return try nextElement(isFirst: false)
    case .ended: return nil
    }
  }

  private func nextLine() throws -> LineReader.Line? {
    while let line = try reader.next() {
      if !line.bytes.allSatisfy(Self.isSpace) { return line }
    }
    return nil
  }

  private static func isSpace(_ byte: UInt8) -> Bool {
    [0x20, 0x09, 0x0A, 0x0D].contains(byte)
  }

  // MARK: The array

  /// The next byte that is no white space; nil at the end of the file.
  private func nextByte() throws -> UInt8? {
    while true {
      if let byte = rest.popFirst() {
        if !Self.isSpace(byte) { return byte }
      } else {
        guard let line = try reader.next() else { return nil }
        (rest, number) = (line.bytes[...], line.number)
      }
    }
  }

  private func nextElement(isFirst: Bool) throws -> LineReader.Line? {
    guard var first = try nextByte() else { throw unfinished }
    if first == UInt8(ascii: "]") { return try end() }
    if !isFirst {
      guard first == UInt8(ascii: ","), let following = try nextByte() else {
        throw DatasetError.badData(
          "\(reader.path), line \(number): expected a comma or the end of the array")
      }
      first = following
    }
    let start = number
    var bytes = [first]
    var scan = JSONScan()
    if scan.ends(with: first) { return LineReader.Line(number: start, bytes: bytes, hasEnd: true) }
    while true {
      guard let byte = rest.first else {
        guard let line = try reader.next() else { throw unfinished }
        bytes.append(UInt8(ascii: "\n"))
        (rest, number) = (line.bytes[...], line.number)
        continue
      }
      // A number or a word ends before what follows it.
      if scan.isBare, [UInt8(ascii: ","), UInt8(ascii: "]")].contains(byte) || Self.isSpace(byte) {
        break
      }
      rest.removeFirst()
      bytes.append(byte)
      if bytes.count > LineReader.longestLine {
        throw DatasetError.badData(
          "\(reader.path), line \(start): longer than \(LineReader.longestLine) bytes; split it")
      }
      if scan.ends(with: byte) { break }
    }
    return LineReader.Line(number: start, bytes: bytes, hasEnd: true)
  }

  private func end() throws -> LineReader.Line? {
    form = .ended
    if try nextByte() != nil {
      throw DatasetError.badData(
        "\(reader.path), line \(number): something follows the end of the array; expected one array, "
          + "or one object a line")
    }
    return nil
  }

  private var unfinished: DatasetError {
    DatasetError.badData("\(reader.path), line \(number): the file ends within its array")
  }
}

/// Finds the end of one JSON value.
private struct JSONScan {
  private var depth = 0
  private var isInString = false
  private var isEscaped = false
  private var isFirst = true
  /// The value is neither a text nor has members.
  private(set) var isBare = false

  /// Whether the value ends with this byte.
  mutating func ends(with byte: UInt8) -> Bool {
    defer { isFirst = false }
    if isInString {
      if isEscaped {
        isEscaped = false
      } else if byte == UInt8(ascii: "\\") {
        isEscaped = true
      } else if byte == UInt8(ascii: "\"") {
        isInString = false
        return depth == 0
      }
      return false
    }
    switch byte {
    case UInt8(ascii: "\""): isInString = true
    case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
    case UInt8(ascii: "}"), UInt8(ascii: "]"):
      depth -= 1
      return depth <= 0
    default: if isFirst { isBare = true }
    }
    return false
  }
}

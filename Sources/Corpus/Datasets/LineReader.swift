import Documents
import Foundation

/// Reads a text file line by line; what it holds in memory is bounded by the longest line.
///
/// A byte-order mark at the start is passed, and `\r\n` ends a line as `\n` does, so that files
/// from every system give the same tokens.
final class LineReader {
  struct Line {
    /// From 1.
    let number: Int
    let bytes: [UInt8]
    /// Only the last line of a file may lack its end.
    let hasEnd: Bool

    /// - Throws: `LineMistake` naming the first byte that is no UTF-8.
    func text() throws -> String {
      if let text = String(validating: bytes, as: UTF8.self) { return text }
      throw LineMistake(message: "not UTF-8 (\(firstInvalid)); convert the file to UTF-8")
    }

    private var firstInvalid: String {
      var decoder = UTF8()
      var position = 0
      var iterator = bytes.makeIterator()
      while case .scalarValue(let scalar) = decoder.decode(&iterator) {
        position += UTF8.width(scalar)
      }
      let byte = String(bytes[min(position, bytes.count - 1)], radix: 16, uppercase: true)
      return "byte \(position + 1) of the line is 0x\(byte)"
    }
  }

  static let longestLine = 1 << 28

  let path: String
  private let descriptor: Int32
  private var buffer: [UInt8]
  private var start = 0
  private var end = 0
  private var number = 0
  /// Unpacks the file; nil where it is not packed.
  private var packed: GzipReader?

  /// - Parameter path: a text file, or one that gzip has packed, whatever its name.
  init(path: String, bufferSize: Int = 1 << 20) throws {
    self.path = path
    buffer = [UInt8](repeating: 0, count: bufferSize)
    do throws(DocumentFile.Failure) {
      descriptor = try InputFile.open(path)
    } catch {
      throw DatasetError(error)
    }
    let count = try fill(&buffer)
    (start, end) = (0, count)
    guard buffer[..<count].starts(with: [0x1F, 0x8B]) else { return }
    packed = try GzipReader(Array(buffer[..<count])) { [descriptor, path] in
      var bytes = [UInt8](repeating: 0, count: bufferSize)
      let count = try Self.fill(&bytes, descriptor, path)
      return Array(bytes[..<count])
    }
    (start, end) = (0, 0)
  }

  deinit { close(descriptor) }

  func next() throws -> Line? {
    var bytes: [UInt8] = []
    while true {
      if start == end, try !refill() {
        if bytes.isEmpty { return nil }
        return line(bytes, hasEnd: false)
      }
      let rest = buffer[start..<end]
      let newline = rest.firstIndex(of: UInt8(ascii: "\n"))
      bytes += rest[..<(newline ?? end)]
      start = newline.map { $0 + 1 } ?? end
      if newline != nil { return line(bytes, hasEnd: true) }
      if bytes.count > Self.longestLine {
        throw DatasetError.badData(
          "\(path), line \(number + 1): longer than \(Self.longestLine) bytes; split it")
      }
    }
  }

  private func line(_ bytes: [UInt8], hasEnd: Bool) -> Line {
    number += 1
    var bytes = bytes
    if number == 1, bytes.starts(with: [0xEF, 0xBB, 0xBF]) { bytes.removeFirst(3) }
    if hasEnd, bytes.last == UInt8(ascii: "\r") { bytes.removeLast() }
    return Line(number: number, bytes: bytes, hasEnd: hasEnd)
  }

  private func refill() throws -> Bool {
    start = 0
    guard let packed else {
      end = try fill(&buffer)
      return end > 0
    }
    do {
      end = try packed.fill(&buffer)
    } catch GzipReader.Damage.cutOff {
      throw damage("the file ends before its packed text does")
    } catch GzipReader.Damage.damaged(let reason) {
      throw damage("its bytes are not those that were packed (\(reason))")
    }
    return end > 0
  }

  private func damage(_ reason: String) -> DatasetError {
    DatasetError.badData(
      "\(path), after line \(number): packed by gzip, and damaged: \(reason); fetch or pack it again"
    )
  }

  private func fill(_ bytes: inout [UInt8]) throws -> Int {
    try Self.fill(&bytes, descriptor, path)
  }

  private static func fill(
    _ bytes: inout [UInt8], _ descriptor: Int32, _ path: String
  ) throws -> Int {
    do throws(DocumentFile.Failure) {
      return try InputFile.read(descriptor, path, into: &bytes)
    } catch {
      throw DatasetError(error)
    }
  }
}

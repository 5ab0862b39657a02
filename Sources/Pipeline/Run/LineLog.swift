import Documents
import Foundation
import Models

/// A file of JSON lines that grows: metrics, timings.
///
/// A checkpoint stores `position`; a resumed run opens the log there, which cuts off every line
/// that the lost steps wrote, so the file's bytes are those of a run that was never interrupted.
public final class LineLog {
  /// Where the log lies.
  public let path: String
  /// Bytes written so far.
  public private(set) var position: Int
  private let descriptor: Int32

  /// Opens a log, making it when it is not there.
  ///
  /// - Parameter position: Where to go on; what follows is cut off. `nil` goes on at the end, after
  ///   cutting off a line that a killed process left unfinished.
  /// - Throws: `DocumentFile.Failure`, `RunError.shortLog`, `RunError.damagedLog`: reports are made
  ///   of the lines, and one that cannot be read is to be known before the work, not after it.
  public init(_ path: String, at position: Int? = nil) throws {
    self.path = path
    (descriptor, self.position) = try Self.open(path, at: position)
  }

  private static func open(
    _ path: String, at position: Int?
  ) throws -> (descriptor: Int32, position: Int) {
    let descriptor = Foundation.open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o644)
    if descriptor < 0 {
      throw DocumentFile.Failure(path: path, operation: "open it", errorNumber: errno)
    }
    do {
      let size = Int(lseek(descriptor, 0, SEEK_END))
      let start = position ?? endOfLastLine(descriptor, size: size)
      if size < start { throw RunError.shortLog(path: path, bytes: size, expected: start) }
      if ftruncate(descriptor, off_t(start)) != 0 || lseek(descriptor, off_t(start), SEEK_SET) < 0 {
        throw DocumentFile.Failure(path: path, operation: "shorten it", errorNumber: errno)
      }
      try requireLines(path, size: start)
      return (descriptor, start)
    } catch {
      close(descriptor)
      throw error
    }
  }

  deinit { close(descriptor) }

  /// Appends one line; it is with the operating system when this returns.
  ///
  /// - Throws: `DocumentFile.Failure`, for a full disk too; the torn line is taken back.
  public func append(_ line: JSONValue) throws {
    let bytes = Array((line.compact + "\n").utf8)
    do {
      try DocumentFile.write(bytes, to: descriptor, path: path)
    } catch {
      _ = ftruncate(descriptor, off_t(position))
      _ = lseek(descriptor, off_t(position), SEEK_SET)
      throw error
    }
    position += bytes.count
  }

  /// Makes all lines durable; to be called before a checkpoint records `position`.
  ///
  /// - Throws: `DocumentFile.Failure`.
  public func synchronize() throws {
    if fsync(descriptor) != 0 {
      throw DocumentFile.Failure(path: path, operation: "make it durable", errorNumber: errno)
    }
  }

  private static func requireLines(_ path: String, size: Int) throws {
    if size == 0 { return }
    for (index, line) in try TextFile.read(path).utf8.split(separator: 0x0A).enumerated() {
      do {
        _ = try JSONValue(parsing: Array(line))
      } catch {
        throw RunError.damagedLog(path: path, line: index + 1)
      }
    }
  }

  private static func endOfLastLine(_ descriptor: Int32, size: Int) -> Int {
    var end = size
    var byte: UInt8 = 0
    while end > 0, pread(descriptor, &byte, 1, off_t(end - 1)) == 1, byte != 0x0A { end -= 1 }
    return end
  }
}

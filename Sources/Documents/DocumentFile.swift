import Foundation

/// A small text file on disk that is replaced as a whole or not at all.
public struct DocumentFile: Sendable {
  /// The file's path, absolute or relative to the current directory.
  public let path: String

  /// Names a file; nothing is opened.
  public init(_ path: String) { self.path = path }

  /// Whether something lies at the path, also if it is not readable.
  public var exists: Bool { FileManager.default.fileExists(atPath: path) }

  /// Why a file could not be read or replaced.
  public struct Failure: ExitCoded, Equatable, CustomStringConvertible {
    /// The file as it was named.
    public let path: String
    /// What was attempted, as it follows "cannot": `"read it"`.
    public let operation: String
    /// The system's `errno`.
    public let errorNumber: Int32
    /// What stands in place of the system's words for the number.
    public let reason: String?

    /// A call of the system that failed, or would do harm.
    public init(path: String, operation: String, errorNumber: Int32, reason: String? = nil) {
      self.path = path
      self.operation = operation
      self.errorNumber = errorNumber
      self.reason = reason
    }

    public var exitCode: ExitCode { errorNumber == ENOENT ? .missingInput : .inputOutput }
    public var description: String {
      "\(path): cannot \(operation): \(reason ?? String(cString: strerror(errorNumber)))"
    }
  }

  /// Not JSON, with the file's name before the place.
  public struct Malformed: ExitCoded, Equatable, CustomStringConvertible {
    /// The file as it was named.
    public let path: String
    /// What is wrong with its text, and where.
    public let error: JSONError

    public var exitCode: ExitCode { .badData }
    public var description: String { "\(path): \(error)" }
  }

  /// - Throws: `Failure` when the file cannot be read, `Malformed` when it is not strict JSON.
  public func read() throws -> JSONValue {
    do {
      return try JSONValue(parsing: bytes())
    } catch let error as JSONError {
      throw Malformed(path: path, error: error)
    }
  }

  /// The bytes of a text, up to the first 0 at least.
  ///
  /// - Throws: `Failure` when the file cannot be read, or is none.
  public func bytes() throws(Failure) -> [UInt8] {
    let descriptor = try InputFile.open(path)
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = try InputFile.read(descriptor, path, into: &buffer)
      if count == 0 { return bytes }
      bytes += buffer[..<count]
      // No text has it: what follows, in a file with a hole say, need not be read.
      if buffer[..<count].contains(0) { return bytes }
    }
  }

  /// Whether a new text was written under this name, beside its place: `status.json.UNIQUE.tmp`.
  public static func isTemporary(_ name: String) -> Bool {
    let parts = name.split(separator: ".")
    guard parts.count > 2, parts.last == temporaryEnding.dropFirst() else { return false }
    // A UUID, with a process's number and a counter behind it.
    return UUID(uuidString: String(parts[parts.count - 2].prefix(36))) != nil
  }

  private static let temporaryEnding = ".tmp"

  /// Writes beside the file, makes that durable, and renames it over the file: a reader, and a
  /// machine that loses power, sees the old text or the new.
  ///
  /// - Throws: `Failure`, also for what is no file, such as `/dev/null`; the file is then as it was,
  ///   and nothing is left beside it.
  public func replace(with text: String) throws(Failure) {
    try OutputFile.requireReplaceable(path)
    let temporary =
      "\(path).\(ProcessInfo.processInfo.globallyUniqueString)\(Self.temporaryEnding)"
    let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
    if descriptor < 0 { throw failure("create a file beside it") }
    do throws(Failure) {
      try Self.write(Array(text.utf8), to: descriptor, path: path)
      if fsync(descriptor) != 0 { throw failure("make it durable") }
    } catch {
      close(descriptor)
      unlink(temporary)
      throw error
    }
    if close(descriptor) != 0 || rename(temporary, path) != 0 {
      let failure = failure("replace it")
      unlink(temporary)
      throw failure
    }
    try Self.synchronizeFolder(FilePath.folder(of: path))
  }

  /// Writes all bytes, whatever portions the system takes them in.
  public static func write(
    _ bytes: [UInt8], to descriptor: Int32, path: String
  ) throws(Failure) {
    var written = 0
    while written < bytes.count {
      let count = bytes[written...].withUnsafeBytes {
        Foundation.write(descriptor, $0.baseAddress, $0.count)
      }
      if count < 0, errno == EINTR { continue }
      if count < 0 { throw Failure(path: path, operation: "write it", errorNumber: errno) }
      written += count
    }
  }

  /// Makes the names in a folder survive a loss of power.
  public static func synchronizeFolder(_ folder: String) throws(Failure) {
    let failure = { (operation: String) in
      Failure(path: folder, operation: operation, errorNumber: errno)
    }
    var descriptor: Int32
    repeat {
      descriptor = open(folder, O_RDONLY | O_CLOEXEC)
    } while descriptor < 0 && errno == EINTR
    if descriptor < 0 { throw failure("open the folder") }
    defer { close(descriptor) }
    while fsync(descriptor) != 0 {
      if errno != EINTR { throw failure("make its names durable") }
    }
  }

  private func failure(_ operation: String) -> Failure {
    Failure(path: path, operation: operation, errorNumber: errno)
  }
}

import Documents
import Foundation

/// Replaces a file as a whole or not at all, also when the process is killed or power is lost.
public enum AtomicFile {
  /// Writes a new file beside the target, checks it, makes it durable, and renames it over the
  /// target.
  ///
  /// - Parameters:
  ///   - write: creates the file at the path it is given, and closes it.
  ///   - verify: reopens the written file and throws when it is not what it should be.
  /// - Throws: what `write` and `verify` throw, `PublicationError` (74), and `DocumentFile.Failure`
  ///   where the target is a device or a pipe. The target is then as it was, and nothing is left
  ///   beside it.
  public static func publish(
    to target: String, write: (String) throws -> Void,
    verify: (String) throws -> Void = { _ in }
  ) throws {
    let folder = folder(of: target)
    let name = FilePath.name(of: target)
    precondition(!name.isEmpty && name != "/" && name != ".." && name != ".", "\"\(target)\"")
    try OutputFile.requireReplaceable(target)
    try TemporaryName.sweep(folder, for: name)
    try TemporaryName.with(TemporaryName.writing, for: name, in: folder) { temporary in
      do {
        try write(temporary)
        try verify(temporary)
        try FileSystem.synchronize(temporary)
        try FileSystem.rename(temporary, to: target)
      } catch {
        TemporaryName.discard(temporary)
        throw error
      }
      try FileSystem.synchronize(folder)
    }
  }

  /// The same for bytes that come in portions.
  ///
  /// - Parameter body: is given what appends a portion.
  /// - Throws: what `body` throws, `DocumentFile.Failure`, and `PublicationError` (74).
  public static func publish(
    to target: String, appending body: (_ append: ([UInt8]) throws -> Void) throws -> Void
  ) throws {
    try publish(
      to: target,
      write: { temporary in
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        if descriptor < 0 {
          throw DocumentFile.Failure(
            path: target, operation: "create a file beside it", errorNumber: errno)
        }
        defer { close(descriptor) }
        try body { try DocumentFile.write($0, to: descriptor, path: target) }
      })
  }

  /// The same for bytes of which it is known how many there will be; another number is an error.
  static func publish(
    to path: String, size: Int,
    _ body: (_ write: (UnsafeRawBufferPointer) throws -> Void) throws -> Void
  ) throws {
    try publish(
      to: path, write: { temporary in try FileSystem.create(temporary, body) },
      verify: { temporary in
        let found = try FileSystem.bytes(of: temporary)
        guard found == size else {
          throw PublicationError(
            path: temporary, message: "found \(found) bytes after writing \(size)",
            exitCode: .inputOutput)
        }
      })
  }

  static func folder(of path: String) -> String { FilePath.folder(of: path) }
}

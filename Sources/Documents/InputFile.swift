import Foundation

/// What is read: files, whose end is known.
///
/// A pipe is waited for by whoever opens it, and a device such as `/dev/zero` has no end.
public enum InputFile {
  /// Opens a file for reading.
  ///
  /// - Returns: a descriptor that the caller closes.
  /// - Throws: `DocumentFile.Failure`: 66 when nothing is there, 74 for what is no file.
  public static func open(_ path: String) throws(DocumentFile.Failure) -> Int32 {
    // Without O_NONBLOCK opening a pipe would wait for its writer; regular files know no such flag.
    let descriptor = try open(path, O_NONBLOCK)
    var status = stat()
    do throws(DocumentFile.Failure) {
      if fstat(descriptor, &status) != 0 { throw failure(path, "examine it", errno) }
      try requireRegular(status, path)
    } catch {
      close(descriptor)
      throw error
    }
    return descriptor
  }

  /// The same, and a pipe that the process was started with: `/dev/stdin`, or what a shell puts for
  /// `<(command)`.
  public static func openOrInherit(_ path: String) throws(DocumentFile.Failure) -> Int32 {
    let isInherited = path == "/dev/stdin" || path.hasPrefix("/dev/fd/")
    var status = stat()
    guard isInherited, stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFIFO else {
      return try open(path)
    }
    return try open(path, 0)
  }

  /// - Throws: `DocumentFile.Failure` for a folder, a device, a pipe or a socket.
  public static func requireRegular(
    _ status: stat, _ path: String
  ) throws(DocumentFile.Failure) {
    let kind =
      switch status.st_mode & S_IFMT {
      case S_IFREG: ""
      case S_IFDIR: throw failure(path, "read it", EISDIR)
      case S_IFIFO: "a pipe"
      case S_IFSOCK: "a socket"
      default: "a device"
      }
    if kind.isEmpty { return }
    throw DocumentFile.Failure(
      path: path, operation: "read it", errorNumber: EINVAL,
      reason: "it is \(kind), expected a file; write what it gives into one first")
  }

  /// Fills a buffer as far as one call of the system does; 0 is the end.
  public static func read(
    _ descriptor: Int32, _ path: String, into buffer: inout [UInt8]
  ) throws(DocumentFile.Failure) -> Int {
    while true {
      let count = Foundation.read(descriptor, &buffer, buffer.count)
      if count >= 0 { return count }
      if errno != EINTR { throw failure(path, "read it", errno) }
    }
  }

  private static func open(
    _ path: String, _ flags: Int32
  ) throws(DocumentFile.Failure) -> Int32 {
    while true {
      let descriptor = Foundation.open(path, O_RDONLY | O_CLOEXEC | flags)
      if descriptor >= 0 { return descriptor }
      if errno != EINTR { throw failure(path, "open it", errno) }
    }
  }

  private static func failure(
    _ path: String, _ operation: String, _ number: Int32
  ) -> DocumentFile.Failure {
    DocumentFile.Failure(path: path, operation: operation, errorNumber: number)
  }
}

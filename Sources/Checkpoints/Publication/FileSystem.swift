import Documents
import Foundation
import Synchronization

/// The system's calls that publication consists of, each checked, each a place where tests can
/// let it fail.
enum FileSystem {
  enum Operation: String, Sendable, CaseIterable {
    case makeFolder = "make the folder"
    case open = "open it"
    case synchronize = "make it durable"
    case rename = "rename it"
    case remove = "remove it"
    case read = "read it"
    case write = "write it"
    case list = "list it"
  }

  typealias Fault = @Sendable (Operation, _ path: String) -> Int32

  /// What tests let happen on a thread: called before every operation there, returns the error
  /// number to fail with, 0 for none. By thread and not by task: reading a task-local value from
  /// optimised synchronous code crashed in Swift 6.3.
  private static let faults = Mutex<[UInt: Fault]>([:])

  /// Runs `body` with the operations of this thread failing as `fault` says.
  static func withFault<Result>(_ fault: @escaping Fault, _ body: () throws -> Result) rethrows
    -> Result
  {
    let thread = UInt(pthread_self())
    faults.withLock { $0[thread] = fault }
    defer { faults.withLock { $0[thread] = nil } }
    return try body()
  }

  private static func check(
    _ operation: Operation, _ path: String, _ call: () -> Int32
  ) throws(PublicationError) -> Int32 {
    let fault = faults.withLock { $0.isEmpty ? nil : $0[UInt(pthread_self())] }
    if let number = fault?(operation, path), number != 0 {
      throw PublicationError(path: path, operation: operation.rawValue, errorNumber: number)
    }
    while true {
      let result = call()
      if result >= 0 { return result }
      if errno == EINTR { continue }
      throw PublicationError(path: path, operation: operation.rawValue, errorNumber: errno)
    }
  }

  static func makeFolder(_ path: String) throws(PublicationError) {
    _ = try check(.makeFolder, path) { mkdir(path, 0o755) }
  }

  /// Makes the contents of a file, or the names in a folder, survive a loss of power. After an
  /// error the system may have dropped the data, so that trying again would prove nothing.
  static func synchronize(_ path: String) throws(PublicationError) {
    let descriptor = try check(.open, path) { Foundation.open(path, O_RDONLY | O_CLOEXEC) }
    defer { close(descriptor) }
    _ = try check(.synchronize, path) { fsync(descriptor) }
  }

  static func rename(_ path: String, to target: String) throws(PublicationError) {
    _ = try check(.rename, target) { Foundation.rename(path, target) }
  }

  /// A new file with the bytes, made durable.
  static func write(_ bytes: [UInt8], to path: String) throws {
    try create(path) { write in try bytes.withUnsafeBytes(write) }
  }

  /// A new file, written by what `body` calls with portion after portion, and made durable.
  static func create(
    _ path: String, _ body: (_ write: (UnsafeRawBufferPointer) throws -> Void) throws -> Void
  ) throws {
    let descriptor = try check(.open, path) {
      Foundation.open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
    }
    do {
      try body { try write($0, to: descriptor, path: path) }
      _ = try check(.synchronize, path) { fsync(descriptor) }
    } catch {
      close(descriptor)
      throw error
    }
    if close(descriptor) != 0 {
      throw PublicationError(path: path, operation: "close it", errorNumber: errno)
    }
  }

  /// Writes all bytes, whatever portions the system takes them in.
  private static func write(
    _ bytes: UnsafeRawBufferPointer, to descriptor: Int32, path: String
  ) throws(PublicationError) {
    var rest = bytes
    while !rest.isEmpty {
      let portion = UnsafeRawBufferPointer(rebasing: rest.prefix(1 << 24))
      let count = try check(.write, path) {
        Int32(Foundation.write(descriptor, portion.baseAddress, portion.count))
      }
      rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(Int(count)))
    }
  }

  /// Calls `body` with the bytes of a file, portion by portion.
  static func read(
    _ path: String, _ body: (UnsafeRawBufferPointer) -> Void
  ) throws(PublicationError) {
    let descriptor = try check(.open, path) {
      // Opening a pipe would wait for its writer.
      Foundation.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    }
    defer { close(descriptor) }
    var status = stat()
    do throws(DocumentFile.Failure) {
      if fstat(descriptor, &status) == 0 { try InputFile.requireRegular(status, path) }
    } catch {
      throw PublicationError(
        path: path, message: "\(error)".replacing("\(path): ", with: ""), exitCode: error.exitCode)
    }
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
    defer { buffer.deallocate() }
    while true {
      let count = try check(.read, path) {
        Int32(Foundation.read(descriptor, buffer.baseAddress, buffer.count))
      }
      if count == 0 { return }
      body(UnsafeRawBufferPointer(rebasing: buffer[..<Int(count)]))
    }
  }

  enum Kind { case file, folder, other }

  /// What there is of that name, nil for nothing; a symbolic link counts as `other`.
  static func kind(of path: String) throws(PublicationError) -> Kind? {
    var status = stat()
    while lstat(path, &status) != 0 {
      switch errno {
      case EINTR: continue
      case ENOENT, ENOTDIR: return nil
      default: throw PublicationError(path: path, operation: "look at it", errorNumber: errno)
      }
    }
    switch status.st_mode & S_IFMT {
    case S_IFREG: return .file
    case S_IFDIR: return .folder
    default: return .other
    }
  }

  static func bytes(of path: String) throws(PublicationError) -> Int {
    var status = stat()
    _ = try check(.read, path) { lstat(path, &status) }
    return Int(status.st_size)
  }

  /// Names in a folder, sorted by their bytes.
  static func names(in folder: String) throws(PublicationError) -> [String] {
    _ = try check(.list, folder) { 0 }
    guard let directory = opendir(folder) else {
      throw PublicationError(path: folder, operation: "list it", errorNumber: errno)
    }
    defer { closedir(directory) }
    var names: [String] = []
    while true {
      errno = 0
      guard let entry = readdir(directory) else {
        if errno == 0 { break }
        throw PublicationError(path: folder, operation: "list it", errorNumber: errno)
      }
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  /// Files and folders below a folder, each by its path from there, folders after their contents.
  static func contents(
    of folder: String, below prefix: String = ""
  ) throws(PublicationError) -> (files: [String], folders: [String]) {
    var files: [String] = []
    var folders: [String] = []
    for name in try names(in: folder) {
      let path = "\(folder)/\(name)"
      switch try kind(of: path) {
      case .file: files.append(prefix + name)
      case .folder:
        let inner = try contents(of: path, below: prefix + name + "/")
        files += inner.files
        folders += inner.folders + [prefix + name]
      case .other, nil:
        throw PublicationError(
          path: path, message: "found neither a file nor a folder; expected only these",
          exitCode: .badData)
      }
    }
    return (files, folders)
  }

  /// Removes a file, or a folder with everything below it; a symbolic link itself.
  static func remove(_ path: String) throws(PublicationError) {
    if try kind(of: path) == .folder {
      for name in try names(in: path) { try remove("\(path)/\(name)") }
      _ = try check(.remove, path) { rmdir(path) }
    } else {
      _ = try check(.remove, path) { unlink(path) }
    }
  }
}

import Documents
import Foundation
import Synchronization
import TensorCore

/// A file mapped for reading: weights cost address space until they are used, and are shared by
/// the processes that use them. Nothing may truncate the file while it is mapped.
public final class MappedFile: Sendable {
  /// The file as it was named.
  public let path: String
  /// Valid as long as this object. Never written, hence safe to share.
  nonisolated(unsafe) public let bytes: UnsafeRawBufferPointer
  private let identity: Mutex<FileIdentity>

  /// - Throws: `CheckpointError`: 66 when there is no such file, 74 when it cannot be read or is
  ///   not a file.
  public init(_ path: String) throws(CheckpointError) {
    self.path = path
    // Opening a pipe would wait for its writer; regular files know no O_NONBLOCK.
    let descriptor = Foundation.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    if descriptor < 0 { throw Self.failure(path, "open", errno) }
    defer { close(descriptor) }
    var status = stat()
    if fstat(descriptor, &status) != 0 { throw Self.failure(path, "examine", errno) }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw CheckpointError(
        path, "", found: status.st_mode & S_IFMT == S_IFDIR ? "a folder" : "no regular file",
        expected: "a file", exitCode: .inputOutput)
    }
    identity = Mutex(FileIdentity(status))
    let count = Int(status.st_size)
    if count == 0 {
      bytes = UnsafeRawBufferPointer(start: nil, count: 0)
      return
    }
    guard let base = mmap(nil, count, PROT_READ, MAP_PRIVATE, descriptor, 0),
      base != MAP_FAILED
    else { throw Self.failure(path, "map", errno) }
    bytes = UnsafeRawBufferPointer(start: base, count: count)
    MappingFaults.add(bytes, path)
  }

  deinit {
    if let base = bytes.baseAddress {
      MappingFaults.remove(bytes)
      munmap(UnsafeMutableRawPointer(mutating: base), bytes.count)
    }
  }

  // MARK: Identity

  /// What its times tell of a file since it was opened.
  enum Change {
    case none
    /// Something about it, such as who may read it, or its bytes with the old time given back.
    case unknown
    /// Its bytes, or nothing but their time.
    case bytes
  }

  /// - Throws: `CheckpointError` when it is another file by now, or of another size, or gone.
  func change() throws(CheckpointError) -> Change {
    let now = try identityNow()
    let before = identity.withLock { $0 }
    if now.place != before.place { throw isChanged("was replaced while it was in use") }
    if now.size != before.size {
      throw isChanged("had \(before.size) bytes and was written to while it was in use")
    }
    if now == before { return .none }
    return now.written == before.written ? .unknown : .bytes
  }

  /// Takes the file as it is now for the one that was opened.
  func noteIdentity() throws(CheckpointError) {
    let now = try identityNow()
    identity.withLock { $0 = now }
  }

  /// - Parameter found: what became of the file.
  func isChanged(_ found: String) -> CheckpointError {
    CheckpointError(
      path, "", found: "a file that \(found)", expected: "the one that was opened",
      remedy:
        "nothing is kept of what may be of other weights; bring the file back, and start again")
  }

  private func identityNow() throws(CheckpointError) -> FileIdentity {
    var status = stat()
    while stat(path, &status) != 0 {
      if errno != EINTR { throw Self.failure(path, "examine", errno) }
    }
    return FileIdentity(status)
  }

  // MARK: Memory

  /// Linux reads no more ahead for one piece of advice than for a reader in order: 128 KiB unless
  /// the device was given more.
  private static let readAheadPortion = 128 << 10

  /// Advice cannot fail in a way that matters: the bytes are there either way.
  private func advise(_ part: Range<Int>, _ advice: Int32) {
    guard let base = bytes.baseAddress, !part.isEmpty else { return }
    _ = madvise(UnsafeMutableRawPointer(mutating: base + part.lowerBound), part.count, advice)
  }

  /// Where a part of the file's bytes lies in it.
  private func place(of part: UnsafeRawBufferPointer) -> Range<Int>? {
    guard let base = bytes.baseAddress, let start = part.baseAddress else { return nil }
    precondition(
      start >= base && start + part.count <= base + bytes.count, "bytes of another file")
    return start - base..<start - base + part.count
  }

  private static func failure(_ path: String, _ operation: String, _ number: Int32)
    -> CheckpointError
  {
    CheckpointError(
      path, "", found: "\"\(String(cString: strerror(number)))\" on trying to \(operation) it",
      expected: "a readable file",
      exitCode: number == ENOENT || number == ENOTDIR ? .missingInput : .inputOutput)
  }
}

/// What tells one state of a file from another without reading it.
private struct FileIdentity: Equatable {
  let place: [UInt64]
  let size: Int
  /// When the bytes were written last, and when anything was changed.
  let written, changed: [Int]

  init(_ status: stat) {
    place = [UInt64(status.st_dev), UInt64(status.st_ino)]
    size = Int(status.st_size)
    written = [status.st_mtim.tv_sec, status.st_mtim.tv_nsec]
    changed = [status.st_ctim.tv_sec, status.st_ctim.tv_nsec]
  }
}

extension MappedFile: PagedBytes {
  private static let page = Int(sysconf(Int32(_SC_PAGESIZE)))

  /// Pages that a neighbour shares stay; the mapping begins at one.
  public func release(_ bytes: UnsafeRawBufferPointer) {
    guard let place = place(of: bytes) else { return }
    let page = Self.page
    let lower = (place.lowerBound + page - 1) / page * page
    let upper =
      place.upperBound < self.bytes.count ? place.upperBound / page * page : place.upperBound
    if lower < upper { advise(lower..<upper, Int32(MADV_DONTNEED)) }
  }

  public func expect(_ bytes: UnsafeRawBufferPointer) {
    guard let place = place(of: bytes) else { return }
    let lower = place.lowerBound / Self.page * Self.page
    for start in stride(from: lower, to: place.upperBound, by: Self.readAheadPortion) {
      let end = min(start + Self.readAheadPortion, place.upperBound)
      advise(start..<end, Int32(MADV_WILLNEED))
    }
  }
}

import Documents
import Foundation
import TensorCore

/// A file mapped for reading: weights cost address space until they are used, and are shared by
/// the processes that use them. Nothing may truncate the file while it is mapped.
public final class MappedFile: Sendable {
  /// The file as it was named.
  public let path: String
  /// Valid as long as this object. Never written, hence safe to share.
  nonisolated(unsafe) public let bytes: UnsafeRawBufferPointer

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
    let count = Int(status.st_size)
    if count == 0 {
      bytes = UnsafeRawBufferPointer(start: nil, count: 0)
      return
    }
    guard let base = mmap(nil, count, PROT_READ, MAP_PRIVATE, descriptor, 0),
      base != MAP_FAILED
    else { throw Self.failure(path, "map", errno) }
    bytes = UnsafeRawBufferPointer(start: base, count: count)
  }

  deinit {
    if let base = bytes.baseAddress {
      munmap(UnsafeMutableRawPointer(mutating: base), bytes.count)
    }
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

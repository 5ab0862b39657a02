import Documents
import Foundation

/// Makes one process at a time the owner of a run's folder.
///
/// The kernel lets go of the lock when the process ends in whatever way, so a killed run never
/// blocks its successor; the file's text only tells a refused one who the owner is.
public final class RunLock: Sendable {
  private static let name = ".lock"

  private let descriptor: Int32

  /// - Throws: `RunError.inUse`, `DocumentFile.Failure`, also for a symbolic link, whose target
  ///   would be emptied.
  public init(folder: String, owner: String = RunLock.currentOwner) throws {
    let path = "\(folder)/\(Self.name)"
    let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o644)
    if descriptor < 0 {
      throw DocumentFile.Failure(
        path: path, operation: "open the lock file", errorNumber: errno)
    }
    while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
      if errno == EINTR { continue }
      let number = errno
      defer { close(descriptor) }
      if number == EWOULDBLOCK {
        throw RunError.inUse(path: folder, owner: Self.text(of: descriptor))
      }
      throw DocumentFile.Failure(path: path, operation: "lock it", errorNumber: number)
    }
    do {
      if ftruncate(descriptor, 0) != 0 {
        throw DocumentFile.Failure(path: path, operation: "write it", errorNumber: errno)
      }
      try DocumentFile.write(Array(owner.utf8), to: descriptor, path: path)
    } catch {
      close(descriptor)
      throw error
    }
    self.descriptor = descriptor
  }

  deinit { close(descriptor) }

  /// The lock of a folder in which a run is or was; nil for every other folder.
  ///
  /// - Throws: as `init`.
  public static func existing(in folder: String) throws -> RunLock? {
    guard FileManager.default.fileExists(atPath: "\(folder)/\(name)") else { return nil }
    return try RunLock(folder: folder)
  }

  /// This process, as the lock of a run names it.
  public static var currentOwner: String {
    "process \(getpid()) on \(ProcessInfo.processInfo.hostName)"
  }

  private static func text(of descriptor: Int32) -> String {
    var buffer = [UInt8](repeating: 0, count: 256)
    let count = pread(descriptor, &buffer, buffer.count, 0)
    return count > 0
      ? String(decoding: buffer[..<count], as: UTF8.self) : "a process that left no name"
  }
}

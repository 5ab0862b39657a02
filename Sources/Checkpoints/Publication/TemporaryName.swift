import Foundation
import Synchronization

/// Names under which things are written before they are published:
/// `.tmp-UUID-NAME`, and `.old-UUID-NAME` for what is being replaced.
enum TemporaryName {
  static let writing = ".tmp-"
  static let replaced = ".old-"

  /// Paths that this process is working on.
  private static let active = Mutex<Set<String>>([])

  /// Calls `body` with a fresh path in the folder, which no sweep of this process touches.
  static func with<Result>(
    _ prefix: String, for name: String, in folder: String, _ body: (String) throws -> Result
  ) rethrows -> Result {
    let path = "\(folder)/\(prefix)\(WriterIdentity.current.fresh().uuidString)-\(name)"
    active.withLock { _ = $0.insert(path) }
    defer { active.withLock { _ = $0.remove(path) } }
    return try body(path)
  }

  /// The name for which a temporary one was made; `nil` for every other name.
  static func original(of name: String, prefix: String) -> String? {
    guard name.hasPrefix(prefix) else { return nil }
    let rest = name.dropFirst(prefix.count)
    guard rest.count > 37, UUID(uuidString: String(rest.prefix(36))) != nil,
      rest.dropFirst(36).first == "-"
    else { return nil }
    return String(rest.dropFirst(37))
  }

  /// Removes what killed writers left in a folder: all of it, where the folder has one owner at a
  /// time; or what was meant for one name, unless its writer may live: several processes may make
  /// one file, as runs do that share a cache.
  static func sweep(_ folder: String, for name: String? = nil) throws(PublicationError) {
    for found in try FileSystem.names(in: folder) {
      let path = "\(folder)/\(found)"
      guard let original = original(of: found, prefix: writing), name == nil || name == original,
        !active.withLock({ $0.contains(path) }), name == nil || isAbandoned(found, at: path)
      else { continue }
      try FileSystem.remove(path)
    }
  }

  private static func isAbandoned(_ name: String, at path: String) -> Bool {
    guard let unique = UUID(uuidString: String(name.dropFirst(writing.count).prefix(36))) else {
      return false
    }
    return WriterIdentity.isAbandoned(unique, at: path)
  }

  /// Removes after a failure, whose own error is the one to report; what resists is swept by the
  /// next writer.
  static func discard(_ path: String) {
    do {
      guard try FileSystem.kind(of: path) != nil else { return }
      try FileSystem.remove(path)
    } catch {
      // The caller is about to throw the reason.
    }
  }
}

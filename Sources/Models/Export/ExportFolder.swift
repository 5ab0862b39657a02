import Documents
import Foundation

/// A folder that appears complete or not at all.
struct ExportFolder {
  let path: String

  init(_ path: String) {
    var path = path
    while path.count > 1, path.hasSuffix("/") { path.removeLast() }
    self.path = path
  }

  /// - Throws: `ExportError.occupied` unless there is nothing, or an empty folder.
  func requireFree() throws {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else { return }
    guard isFolder.boolValue else { throw ExportError.occupied(path: path, found: "is a file") }
    let names = try FileManager.default.contentsOfDirectory(atPath: path)
    if !names.isEmpty {
      let listed = names.sorted().prefix(3).joined(separator: ", ")
      throw ExportError.occupied(
        path: path, found: "holds \(listed)\(names.count > 3 ? " and more" : "")")
    }
  }

  /// Writes a folder beside it, and gives it the name when it is complete.
  ///
  /// - Returns: names of the files, sorted.
  func publish(_ write: (String) throws -> Void) throws -> [String] {
    let parent = FilePath.folder(of: path)
    try Self.make(parent)
    let temporary = "\(path).\(ProcessInfo.processInfo.globallyUniqueString).tmp"
    try Self.make(temporary)
    do {
      try write(temporary)
      let names = try FileManager.default.contentsOfDirectory(atPath: temporary).sorted()
      for name in names { try synchronize("\(temporary)/\(name)") }
      try synchronize(temporary)
      // An empty folder of that name gives way.
      if rename(temporary, path) != 0 { throw failure(path, "rename the finished folder to it") }
      try synchronize(parent)
      return names
    } catch {
      remove(temporary)
      throw error
    }
  }

  /// With the folders above it; one that is there stays as it is.
  static func make(_ path: String) throws {
    do {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    } catch {
      throw ExportError.notWritten(
        path: path, operation: "create the folder", reason: error.localizedDescription)
    }
  }

  private func synchronize(_ path: String) throws {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    if descriptor < 0 { throw failure(path, "open it") }
    defer { close(descriptor) }
    if fsync(descriptor) != 0 { throw failure(path, "make it durable") }
  }

  /// After a failure, whose own error is the one to report.
  private func remove(_ temporary: String) {
    do {
      try FileManager.default.removeItem(atPath: temporary)
    } catch {
      return
    }
  }

  private func failure(_ path: String, _ operation: String) -> ExportError {
    .notWritten(path: path, operation: operation, reason: String(cString: strerror(errno)))
  }
}

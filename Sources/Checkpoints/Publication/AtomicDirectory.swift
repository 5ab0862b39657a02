import Documents
import Foundation

/// Folders that appear complete or not at all: checkpoints.
///
/// The folder that holds them (`parent`) must have one owner at a time, as a run's folder has:
/// what unfinished writers left there is removed.
public enum AtomicDirectory {
  /// A file in the parent with the name of the newest folder: a hint for people and scripts, that
  /// nothing here trusts.
  static let hintName = "LATEST"

  /// Writes a folder under another name, checks it, describes it in `MANIFEST.json`, makes all of
  /// it durable, and gives it its name. A folder of that name is replaced.
  ///
  /// - Parameters:
  ///   - name: in `parent`, such as `step-00000050`.
  ///   - extra: what else the manifest says: step, hashes of recipe and data.
  ///   - write: puts files, and folders of files, into the folder it is given.
  ///   - verify: reopens what was written and throws when it is not what it should be.
  /// - Throws: what `write` and `verify` throw, and `PublicationError` (74). What was published
  ///   before stays; nothing half written does.
  public static func publish(
    parent: String, name: String, manifest extra: JSONObject = JSONObject(),
    write: (_ folder: String) throws -> Void,
    verify: (_ folder: String) throws -> Void = { _ in }
  ) throws {
    precondition(!name.isEmpty && !name.contains("/") && !name.hasPrefix("."), "\"\(name)\"")
    try recover(parent)
    try TemporaryName.with(TemporaryName.writing, for: name, in: parent) { temporary in
      do {
        try FileSystem.makeFolder(temporary)
        try write(temporary)
        try verify(temporary)
        try complete(temporary, extra)
        try install(temporary, parent: parent, name: name)
      } catch {
        TemporaryName.discard(temporary)
        throw error
      }
    }
    try AtomicFile.publish(
      to: "\(parent)/\(hintName)", write: { try FileSystem.write(Array("\(name)\n".utf8), to: $0) })
  }

  /// Removes what killed writers left, and gives a folder its name back that was about to be
  /// replaced.
  public static func recover(_ parent: String) throws {
    try TemporaryName.sweep(parent)
    for found in try FileSystem.names(in: parent) {
      guard let name = TemporaryName.original(of: found, prefix: TemporaryName.replaced) else {
        continue
      }
      let (old, current) = ("\(parent)/\(found)", "\(parent)/\(name)")
      if try FileSystem.kind(of: current) == nil {
        try FileSystem.rename(old, to: current)
        try FileSystem.synchronize(parent)
      } else {
        try FileSystem.remove(old)
      }
    }
  }

  /// Makes every file durable, and says in the manifest what they must be.
  private static func complete(_ folder: String, _ extra: JSONObject) throws {
    let contents = try FileSystem.contents(of: folder)
    for file in contents.files { try FileSystem.synchronize("\(folder)/\(file)") }
    let text = try Manifest.text(folder: folder, files: contents.files, extra: extra)
    try FileSystem.write(Array(text.utf8), to: "\(folder)/\(Manifest.name)")
    for inner in contents.folders { try FileSystem.synchronize("\(folder)/\(inner)") }
    try FileSystem.synchronize(folder)
  }

  private static func install(_ temporary: String, parent: String, name: String) throws {
    let target = "\(parent)/\(name)"
    guard try FileSystem.kind(of: target) != nil else {
      try FileSystem.rename(temporary, to: target)
      try FileSystem.synchronize(parent)
      return
    }
    // A folder cannot be renamed over another. Killed between the two renames, the old one is
    // still found under its other name: `recover` and `latest` know it.
    try TemporaryName.with(TemporaryName.replaced, for: name, in: parent) { old in
      try FileSystem.rename(target, to: old)
      do {
        try FileSystem.rename(temporary, to: target)
      } catch {
        try FileSystem.rename(old, to: target)
        throw error
      }
      try FileSystem.synchronize(parent)
      try FileSystem.remove(old)
    }
  }
}

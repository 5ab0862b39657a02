import Documents
import Foundation

/// `MANIFEST.json`: the files of a published folder with their sizes and hashes, and what its
/// writer wants to be known of it. It carries a hash of itself.
enum Manifest {
  static let name = "MANIFEST.json"
  /// Members that `extra` cannot have.
  static let ownMembers = ["version", "files", "sha256"]
  private static let version = 1

  /// - Parameter files: paths from the folder.
  static func text(
    folder: String, files: [String], extra: JSONObject
  ) throws -> String {
    for key in ownMembers {
      precondition(extra[key] == nil, "a manifest has a member \"\(key)\" of its own")
    }
    var manifest = extra
    manifest["version"] = .integer(version)
    manifest["files"] = .array(
      try files.map { file in
        let path = "\(folder)/\(file)"
        return [
          "name": .string(file),
          "bytes": .integer(try FileSystem.bytes(of: path)),
          "sha256": .string(try Digest.sha256(ofFile: path)),
        ]
      })
    manifest["sha256"] = .string(Digest.sha256(of: JSONValue.object(manifest).compact))
    return JSONValue.object(manifest).pretty
  }

  /// The manifest of a folder, once everything that it says of the files has been found true.
  ///
  /// - Throws: `PublicationError` (65 when something is missing or differs).
  static func verified(folder: String) throws(PublicationError) -> JSONValue {
    let path = "\(folder)/\(name)"
    guard try FileSystem.kind(of: path) == .file else {
      throw damage(path, "there is no such file; \(folder) was never completed")
    }
    var bytes: [UInt8] = []
    try FileSystem.read(path) { bytes += $0 }
    let manifest: JSONValue
    do {
      manifest = try JSONValue(parsing: bytes)
    } catch {
      throw damage(path, "\(error)")
    }
    guard var rest = manifest.objectValue, let digest = rest["sha256"]?.stringValue else {
      throw damage(path, "found no hash of its own")
    }
    rest["sha256"] = nil
    guard Digest.sha256(of: JSONValue.object(rest).compact) == digest else {
      throw damage(path, "its contents do not fit its own hash")
    }
    guard rest["version"]?.intValue == version, let files = rest["files"]?.arrayValue else {
      throw damage(
        path,
        "found version \(rest["version"]?.compact ?? "none"), expected \(version); "
          + "it comes from another version of this program")
    }
    for file in files { try verify(file, folder: folder, manifest: path) }
    return manifest
  }

  private static func verify(
    _ file: JSONValue, folder: String, manifest: String
  ) throws(PublicationError) {
    guard let name = file["name"]?.stringValue, let bytes = file["bytes"]?.intValue,
      let digest = file["sha256"]?.stringValue,
      !name.split(separator: "/", omittingEmptySubsequences: false)
        .contains(where: { ["", ".", ".."].contains($0) })
    else { throw damage(manifest, "found \(file.compact) among its files") }
    let path = "\(folder)/\(name)"
    guard try FileSystem.kind(of: path) == .file else {
      throw damage(path, "there is no such file, but the manifest names it")
    }
    let found = try FileSystem.bytes(of: path)
    guard found == bytes else {
      throw damage(path, "found \(found) bytes, expected \(bytes)")
    }
    let foundDigest = try Digest.sha256(ofFile: path)
    guard foundDigest == digest else {
      throw damage(path, "found SHA-256 \(foundDigest.prefix(12))…, expected \(digest.prefix(12))…")
    }
  }

  private static func damage(_ path: String, _ message: String) -> PublicationError {
    PublicationError(path: path, message: message, exitCode: .badData)
  }
}

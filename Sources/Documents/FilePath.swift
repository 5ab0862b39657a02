import Foundation

/// Parts of a path as the user gave it.
///
/// Foundation's `deletingLastPathComponent` traps on names of one character (swift-foundation 6.3).
public enum FilePath {
  /// What is before the last slash: `.` for a bare name, `/` for a name in the root.
  public static func folder(of path: String) -> String {
    let path = trimmed(path)
    guard let slash = path.lastIndex(of: "/") else { return "." }
    let folder = trimmed(path[..<slash])
    return folder.isEmpty ? "/" : String(folder)
  }

  /// What is behind the last slash.
  public static func name(of path: String) -> String {
    String(trimmed(path).split(separator: "/").last ?? "/")
  }

  /// A path as a document in `folder` means it.
  public static func resolve(_ path: String, in folder: String) -> String {
    path.hasPrefix("/") || folder == "." ? path : "\(folder)/\(path)"
  }

  /// Whether there is a folder, or a link to one.
  public static func isFolder(_ path: String) -> Bool {
    var isFolder: ObjCBool = false
    return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
      && isFolder.boolValue
  }

  /// Without slashes at the end, unless it is the root.
  private static func trimmed(_ path: some StringProtocol) -> Substring {
    var path = Substring(path)
    while path.count > 1, path.hasSuffix("/") { path.removeLast() }
    return path
  }
}

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

  /// Without slashes at the end, unless it is the root.
  private static func trimmed(_ path: some StringProtocol) -> Substring {
    var path = Substring(path)
    while path.count > 1, path.hasSuffix("/") { path.removeLast() }
    return path
  }
}

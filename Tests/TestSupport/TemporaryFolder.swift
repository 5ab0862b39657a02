import Foundation

/// Makes a fresh folder, and removes it with all that is in it at the end.
public func withTemporaryFolder<Result>(_ body: (String) throws -> Result) throws -> Result {
  let folder = FileManager.default.temporaryDirectory
    .appendingPathComponent("linearize-\(UUID().uuidString)").path
  try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
  defer { removeFolder(folder) }
  return try body(folder)
}

private func removeFolder(_ path: String) {
  do {
    try FileManager.default.removeItem(atPath: path)
  } catch {
    FileHandle.standardError.write(Data("left behind: \(path): \(error)\n".utf8))
  }
}

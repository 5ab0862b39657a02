import Documents
import Foundation

/// The files of one model that llama.cpp has split: `NAME-00001-of-00003.gguf` and on. The first one
/// holds the metadata.
enum GGUFShards {
  /// What a file's name says of the model it is a part of.
  struct Name: Equatable {
    let stem: String
    let number, count: Int

    init?(_ name: String) {
      guard name.hasSuffix(".gguf") else { return nil }
      let parts = name.dropLast(5).split(separator: "-", omittingEmptySubsequences: false)
      guard parts.count >= 4, parts[parts.count - 2] == "of", let count = Self.number(parts.last!),
        let number = Self.number(parts[parts.count - 3]), (1...count).contains(number)
      else { return nil }
      stem = parts.dropLast(3).joined(separator: "-")
      self.number = number
      self.count = count
    }

    private static func number(_ digits: Substring) -> Int? {
      guard digits.count == 5, let number = Int(digits),
        (1...GGUFShards.maximumCount).contains(number)
      else { return nil }
      return number
    }

    func name(_ number: Int) -> String {
      "\(stem)-\(Self.padded(number))-of-\(Self.padded(count)).gguf"
    }

    private static func padded(_ number: Int) -> String {
      String(repeating: "0", count: 5 - String(number).count) + String(number)
    }
  }

  static let maximumCount = 4096

  /// Whether the names are those of one model's files, whole or split.
  static func areOneModel(_ names: [String]) -> Bool {
    if names.count == 1 { return true }
    let found = names.map(Name.init)
    guard let first = found.first ?? nil else { return false }
    return found.allSatisfy { $0?.stem == first.stem && $0?.count == first.count }
  }

  /// All files of a model, given any of them, the first one first.
  ///
  /// - Throws: `CheckpointError` for missing files, and for those that are not of one model.
  static func files(of path: String) throws(CheckpointError) -> [GGUFFile] {
    guard let name = Name(FilePath.name(of: path)), name.count > 1 else {
      let file = try GGUFFile(path)
      if let count = file.metadata["split.count"]?.intValue, count > 1 {
        throw CheckpointError(
          path, "split.count", found: "one file of \(count)",
          expected:
            "all of them under the names that llama.cpp gives them, NAME-00001-of-0000N.gguf",
          remedy: "join them with llama-gguf-split --merge, or give them their names back")
      }
      return [file]
    }
    let folder = FilePath.folder(of: path)
    let paths = (1...name.count).map { "\(folder)/\(name.name($0))" }
    let missing = paths.filter { !FileManager.default.fileExists(atPath: $0) }
    if let first = missing.first {
      throw CheckpointError(
        path, "", found: "one file of \(name.count), and no \(FilePath.name(of: first)) beside it",
        expected: "all of them", remedy: "the download is incomplete", exitCode: .missingInput)
    }
    var files: [GGUFFile] = []
    for path in paths { files.append(try GGUFFile(path)) }
    try check(files)
    return files
  }

  private static func check(_ files: [GGUFFile]) throws(CheckpointError) {
    var holders: [String: String] = [:]
    for (index, file) in files.enumerated() {
      for (key, expected) in [("split.no", index), ("split.count", files.count)] {
        guard let found = file.metadata[key]?.intValue, found != expected else { continue }
        throw CheckpointError(
          file.path, key, found: "\(found)", expected: "\(expected), as the file's name says",
          remedy: "files of different models lie together")
      }
      for tensor in file.tensors {
        if let other = holders.updateValue(FilePath.name(of: file.path), forKey: tensor.name) {
          throw CheckpointError(
            file.path, "tensor \(tensor.name)", found: "it here and in \(other)", expected: "once")
        }
      }
    }
    if let count = files[0].metadata["split.tensors.count"]?.intValue, count != holders.count {
      throw CheckpointError(
        files[0].path, "split.tensors.count", found: "\(holders.count) tensors in all files",
        expected: "\(count)", remedy: "the download is incomplete")
    }
  }
}

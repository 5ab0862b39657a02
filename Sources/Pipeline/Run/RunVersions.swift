import Documents

/// Versions that a run was begun with, beside those of now. Those that decide the bits of a number are
/// inputs of the run, and refused when they differ; these are told.
enum RunVersions {
  /// - Parameter environment: what `env.json` will hold.
  /// - Returns: a line for every version that differs, none without an `env.json`.
  /// - Throws: `DocumentFile.Failure`.
  static func notes(_ folder: String, environment: JSONValue) throws -> [String] {
    let file = DocumentFile(folder + "/env.json")
    guard file.exists else { return [] }
    let stored: JSONValue
    do {
      stored = try file.read()
    } catch let error as DocumentFile.Malformed {
      return ["\(error): the versions that the run was begun with are not known"]
    }
    let program = { (document: JSONValue) -> String? in
      guard let version = document["version"]?.stringValue else { return nil }
      return "linearize \(version)"
        + (document["commit"]?.stringValue.map { " (\($0.prefix(12)))" } ?? "")
    }
    let library = { (document: JSONValue) -> String? in
      document["libraries"]?["hdf5"]?.stringValue.map { "HDF5 \($0)" }
    }
    return [program, library].compactMap { version in
      guard let before = version(stored), let now = version(environment), before != now else {
        return nil
      }
      return "\(folder): begun with \(before), goes on with \(now)"
    }
  }
}

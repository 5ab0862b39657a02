import Foundation

/// The files that a data set's path stands for.
enum DatasetFiles {
  /// A file itself; of a folder all files in it, at any depth, that end so, packed by gzip or not, and are
  /// not hidden, in the order of their paths' bytes.
  static func list(_ path: String, ending: String) throws -> [String] {
    var status = stat()
    if stat(path, &status) != 0 { throw DatasetError.cannot("find the data", path, errno) }
    guard status.st_mode & S_IFMT == S_IFDIR else { return [path] }
    guard let found = FileManager.default.enumerator(atPath: path) else {
      throw DatasetError.cannot("list the folder", path, EACCES)
    }
    let names = found.compactMap { $0 as? String }.filter { name in
      (name.hasSuffix(ending) || name.hasSuffix("\(ending).gz"))
        && !name.split(separator: "/").contains { $0.hasPrefix(".") }
    }
    if names.isEmpty {
      throw DatasetError.badData("\(path): the folder holds no file that ends in \(ending)")
    }
    return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }.map { "\(path)/\($0)" }
  }
}

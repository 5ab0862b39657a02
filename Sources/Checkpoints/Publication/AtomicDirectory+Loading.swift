import Documents

// Finding what was published.
extension AtomicDirectory {
  /// A published folder whose every file is what its manifest says.
  public struct Published: Sendable, Equatable {
    /// The folder.
    public let path: String
    /// Its `MANIFEST.json`: sizes and hashes of its files, and what the writer added.
    public let manifest: JSONValue
    /// Newer ones that are damaged, newest first.
    public let skipped: [Skipped]
  }

  /// A folder that cannot be trusted.
  public struct Skipped: Sendable, Equatable, CustomStringConvertible {
    /// The folder's name, without the path.
    public let name: String
    /// What is missing or damaged.
    public let reason: String

    public var description: String { "\(name): \(reason)" }
  }

  /// The manifest of a folder, after all sizes and hashes have been checked.
  ///
  /// - Throws: `PublicationError`: 66 when there is no such folder, 65 when it is incomplete or
  ///   damaged, 74 when it cannot be read.
  public static func verified(_ path: String) throws -> JSONValue {
    guard try FileSystem.kind(of: path) != nil else {
      throw PublicationError(
        path: path, message: "there is no such folder", exitCode: .missingInput)
    }
    return try Manifest.verified(folder: path)
  }

  /// The folder `step-N` of the greatest step that verifies; `nil` when there is none at all.
  /// Changes nothing.
  ///
  /// - Throws: `PublicationError`: 65 when there are some and every one is damaged, since starting
  ///   afresh in silence would hide a loss; 74 when one cannot be read.
  public static func latest(in parent: String) throws -> Published? {
    guard try FileSystem.kind(of: parent) != nil else { return nil }
    let candidates = try steps(in: parent)
    var skipped: [Skipped] = []
    for candidate in candidates {
      do {
        let manifest = try verified("\(parent)/\(candidate.entry)")
        return Published(
          path: "\(parent)/\(candidate.entry)", manifest: manifest, skipped: skipped)
      } catch let error as PublicationError where error.exitCode == .inputOutput {
        // That a disk does not answer says nothing of what is on it.
        throw error
      } catch {
        skipped.append(Skipped(name: candidate.entry, reason: "\(error)"))
      }
    }
    if skipped.isEmpty { return nil }
    let reasons = skipped.map { "\n  \($0)" }.joined()
    throw PublicationError(
      path: parent,
      message: "none of its \(skipped.count) checkpoints can be trusted; "
        + "restore one, or remove them all to start afresh\(reasons)",
      exitCode: .badData)
  }

  /// Removes all but the newest `count` steps that verify, and those newer than they are.
  ///
  /// - Parameter count: at least 2: the newest may yet prove damaged.
  /// - Returns: the removed names, newest first.
  @discardableResult
  public static func prune(in parent: String, keeping count: Int = 2) throws -> [String] {
    precondition(count >= 2, "keeping \(count) checkpoints leaves none to fall back on")
    try recover(parent)
    var kept = 0
    var removed: [String] = []
    for candidate in try steps(in: parent) {
      let path = "\(parent)/\(candidate.entry)"
      if kept < count {
        do {
          _ = try verified(path)
          kept += 1
        } catch let error as PublicationError where error.exitCode == .badData {
          // Damaged: not counted, and left for its owner to look at.
        }
        continue
      }
      // Renamed first: a reader sees it whole or not at all.
      try TemporaryName.with(TemporaryName.writing, for: candidate.entry, in: parent) { gone in
        try FileSystem.rename(path, to: gone)
        try FileSystem.remove(gone)
      }
      removed.append(candidate.entry)
    }
    if !removed.isEmpty { try FileSystem.synchronize(parent) }
    return removed
  }

  /// Folders of steps, greatest first, with those whose replacement was interrupted.
  private static func steps(in parent: String) throws -> [(step: Int, entry: String)] {
    let names = try FileSystem.names(in: parent)
    let present = Set(names)
    let entries = names.compactMap { entry -> (step: Int, entry: String)? in
      if let step = step(of: entry) { return (step, entry) }
      guard let name = TemporaryName.original(of: entry, prefix: TemporaryName.replaced),
        !present.contains(name), let step = step(of: name)
      else { return nil }
      return (step, entry)
    }
    return entries.sorted { ($1.step, $1.entry) < ($0.step, $0.entry) }
  }

  private static func step(of name: String) -> Int? {
    let prefix = "step-"
    guard name.hasPrefix(prefix),
      name.utf8.dropFirst(prefix.utf8.count).allSatisfy({
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
      })
    else { return nil }
    return Int(name.dropFirst(prefix.count))
  }
}

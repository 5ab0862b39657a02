import Documents

/// Several reasons at once why a recipe cannot be run.
public struct PreflightMistakes: ExitCoded, CustomStringConvertible {
  /// Of the recipe.
  public let path: String
  /// The reasons, at least one.
  public let mistakes: [any Error]

  /// That of the first.
  public var exitCode: ExitCode { (mistakes[0] as? any ExitCoded)?.exitCode ?? .internalError }
  public var description: String {
    "\(path): cannot run, for \(mistakes.count) reasons\n"
      + mistakes.map { "\($0)" }.joined(separator: "\n")
  }
}

/// Everything that is wrong with the runs of a study, each mistake once.
public struct StudyMistakes: ExitCoded, CustomStringConvertible {
  /// One mistake, and whose it is.
  public struct Mistake: Sendable {
    /// `RECIPE, VARIANT` of the runs that have it.
    public var runs: [String]
    /// What is wrong.
    public let error: any Error
  }

  /// Of the study.
  public let path: String
  /// Every mistake once, at least one.
  public let mistakes: [Mistake]

  /// That of the first.
  public var exitCode: ExitCode {
    (mistakes[0].error as? any ExitCoded)?.exitCode ?? .internalError
  }
  public var description: String {
    "\(path): \(mistakes.count == 1 ? "a mistake" : "\(mistakes.count) mistakes") in its runs\n"
      + mistakes.map { mistake in
        mistake.runs.joined(separator: "; ") + "\n  "
          + "\(mistake.error)".split(separator: "\n", omittingEmptySubsequences: false)
          .joined(separator: "\n  ")
      }.joined(separator: "\n")
  }
}

/// Mistakes as they are found.
struct MistakeList {
  let path: String
  private var mistakes: [any Error] = []

  init(path: String) { self.path = path }

  /// Keeps what the check throws.
  ///
  /// - Returns: what the check gave; nil after a mistake.
  @discardableResult
  mutating func note<Result>(_ check: () throws -> Result) -> Result? {
    do {
      return try check()
    } catch {
      mistakes += (error as? PreflightMistakes)?.mistakes ?? [error]
      return nil
    }
  }

  /// - Precondition: there is a mistake.
  var error: any Error {
    mistakes.count == 1 ? mistakes[0] : PreflightMistakes(path: path, mistakes: mistakes)
  }

  func throwIfAny() throws {
    if !mistakes.isEmpty { throw error }
  }
}

/// Mistakes of runs as they are found, each once.
struct StudyMistakeList {
  let path: String
  private var mistakes: [StudyMistakes.Mistake] = []

  init(path: String) { self.path = path }

  /// Keeps what the check throws.
  mutating func note(_ run: String, _ check: () throws -> Void) {
    do {
      try check()
    } catch {
      if let index = mistakes.firstIndex(where: { "\($0.error)" == "\(error)" }) {
        mistakes[index].runs.append(run)
      } else {
        mistakes.append(StudyMistakes.Mistake(runs: [run], error: error))
      }
    }
  }

  func throwIfAny() throws {
    if !mistakes.isEmpty { throw StudyMistakes(path: path, mistakes: mistakes) }
  }
}

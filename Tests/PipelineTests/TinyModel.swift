import Documents
import Foundation
import Synchronization
import Testing

@testable import Pipeline

/// A small model in a folder of its own, where its runs go.
protocol TinyModel {
  var folder: String { get }
}

extension TinyModel {
  func run(
    _ recipe: LoadedRecipe, resume: Bool = false, interruption: Interruption = .none
  ) throws -> ExitCode {
    try Conversion(
      recipe, resume: resume, interruption: interruption,
      progress: ProgressReporter(style: .quiet, now: { 0 }, write: { _ in }),
      environment: [:], clock: { 0 }
    ).run().code
  }

  /// How often a whole run asks whether it is to stop. The run is removed.
  func polls(of recipe: LoadedRecipe) throws -> Int {
    let count = Mutex(0)
    let counting = Interruption {
      count.withLock { $0 += 1 }
      return 0
    }
    _ = try run(recipe, interruption: counting)
    try FileManager.default.removeItem(atPath: folder + "/run")
    return count.withLock { $0 }
  }

  /// Runs until the interruption has been asked about so many times, then goes on to the end.
  func runInterrupted(_ recipe: LoadedRecipe, afterPolls count: Int) throws {
    let error = #expect(throws: Preempted.self) {
      try run(recipe, interruption: .after(polls: count))
    }
    #expect(error?.exitCode == .preempted)
    _ = try run(recipe, resume: true)
  }

  func bytes(_ path: String) throws -> Data {
    try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(path)"))
  }

  /// A stage's artefact in a run's folder, whatever its number.
  func artefact(_ id: String, of run: String = "run") throws -> String {
    let names = try FileManager.default.contentsOfDirectory(atPath: "\(folder)/\(run)/artefacts")
    let name = try #require(names.first { $0.dropFirst(3) == "\(id).h5" })
    return "\(folder)/\(run)/artefacts/\(name)"
  }

  func exists(_ path: String) -> Bool {
    FileManager.default.fileExists(atPath: "\(folder)/\(path)")
  }

  func remove() throws { try FileManager.default.removeItem(atPath: folder) }
}

extension Interruption {
  /// Asks to stop once it has been polled so many times.
  static func after(polls limit: Int) -> Interruption {
    let polls = Mutex(0)
    return Interruption {
      polls.withLock {
        $0 += 1
        return $0 > limit ? SIGTERM : 0
      }
    }
  }
}

extension Interruption {
  /// Asks to stop once a file or folder is there.
  static func once(exists path: String) -> Interruption {
    Interruption { FileManager.default.fileExists(atPath: path) ? SIGTERM : 0 }
  }
}

/// The first mistake that is found in a recipe with some of its values changed.
func expectMistake(
  _ expected: String, in document: JSONValue, _ overrides: [String],
  sourceLocation: SourceLocation = #_sourceLocation
) throws {
  let overrides = try overrides.map { try RecipeOverride(parsing: $0) }
  do {
    _ = try LoadedRecipe(document: document, path: "tiny.json", overrides: overrides)
    Issue.record("no mistake was found", sourceLocation: sourceLocation)
  } catch RecipeError.mistaken(_, let error) {
    #expect(error.diagnostics.first?.description == expected, sourceLocation: sourceLocation)
  }
}

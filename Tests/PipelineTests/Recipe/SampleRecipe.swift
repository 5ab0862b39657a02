import Documents

@testable import Pipeline

/// A recipe with every stage, and what is said about changes to it.
enum SampleRecipe {
  static let text = """
    {
      "name": "sample",
      "teacher": { "path": "models/teacher.gguf" },
      "data": {
        "train": [{ "path": "data/train.txt", "format": "text" }],
        "validation": [{ "path": "data/validation.txt", "format": "text" }],
        "test": [{ "path": "data/test.txt", "format": "text" }],
        "sequenceLength": 128
      },
      "student": { "mixer": "terrace-window" },
      "stages": [
        { "stage": "attention-transfer", "steps": 6 },
        { "stage": "low-rank-adaptation", "epochs": 2 },
        { "stage": "evaluate" }
      ]
    }
    """

  static func load(_ overrides: [String] = []) throws -> LoadedRecipe {
    try LoadedRecipe(
      document: JSONValue(parsing: text), path: "sample.json",
      overrides: overrides.map { try RecipeOverride(parsing: $0) })
  }

  /// The lines of the message, without the first; empty when there is no mistake.
  static func mistakes(_ overrides: [String]) throws -> [String] {
    do {
      _ = try load(overrides)
      return []
    } catch RecipeError.mistaken(_, let error) {
      return error.diagnostics.map(\.description)
    }
  }
}

import Documents
import Foundation

/// A recipe of two steps on the repository's small teacher, and the text that it reads.
enum TinyRecipe {
  static let text =
    "It was a dark and stormy night, and the rain fell in torrents upon the old house. She said "
    + "that he would come again in the morning, and they sat by the fire. "

  /// Writes `recipe.json` and `text.jsonl`; the run goes to `run`.
  ///
  /// - Parameters:
  ///   - steps: of the attention transfer.
  ///   - maximumRatio: the threshold on the student's perplexity over its teacher's.
  static func write(to folder: String, steps: Int = 2, maximumRatio: Double = 1000) throws {
    let row: JSONValue = ["text": .string(text + text + text)]
    let lines = [String](repeating: row.compact, count: 6).joined(separator: "\n")
    try DocumentFile(folder + "/text.jsonl").replace(with: lines + "\n")
    let data: JSONValue = [["path": "text.jsonl", "format": "jsonl-text"]]
    let recipe: JSONValue = [
      "name": "tiny", "output": "run", "teacher": ["path": .string(Program.teacher)],
      "data": [
        "train": data, "validation": data, "test": data, "sequenceLength": 32,
        "validationSequences": 2, "testSequences": 2,
      ],
      "student": ["mixer": "terrace-window", "windowSize": 8],
      "stages": [
        [
          "stage": "attention-transfer", "steps": .integer(steps), "batchSize": 1,
          "gradientAccumulation": 1,
        ],
        [
          "stage": "evaluate", "measureRecall": false, "measureFidelity": false,
          "measureSpeed": false, "ablations": false,
          "thresholds": ["perplexityRatio": ["maximum": .number(maximumRatio)]],
        ],
      ],
    ]
    try DocumentFile(folder + "/recipe.json").replace(with: recipe.pretty)
  }
}

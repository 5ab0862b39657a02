import Corpus
import Documents
import Foundation
import TestSupport
import Testing

@testable import Evaluation

/// What scripts/goldens/tasks.py has had lm-eval make of invented rows.
struct TaskGolden: Sendable, CustomTestStringConvertible {
  /// Of the golden.
  let name: String
  /// Of the task file, or of the rows that need none.
  let task: String
  /// Instead of the task file's.
  var shots: Int?
  var limit: Int?
  /// lm-eval adds fields of its own to these rows.
  var hasOtherRows = false

  var testDescription: String { name }

  static let all: [TaskGolden] =
    [
      "arc_easy", "arc_challenge", "piqa", "openbookqa", "winogrande", "boolq", "copa",
      "lambada_openai", "mmlu_anatomy", "blimp_anaphor_gender_agreement", "wikitext",
      "foundry_choices", "foundry_continuation",
    ].map { TaskGolden(name: $0, task: $0) } + [
      TaskGolden(name: "hellaswag", task: "hellaswag", hasOtherRows: true),
      TaskGolden(name: "one_sample", task: "arc_easy", limit: 1),
      TaskGolden(name: "arc_easy_shots", task: "arc_easy", shots: 2),
      TaskGolden(name: "winogrande_shots", task: "winogrande", shots: 1),
      TaskGolden(name: "lambada_openai_shots", task: "lambada_openai", shots: 1),
      TaskGolden(name: "copa_shots", task: "copa", shots: 1),
      TaskGolden(name: "hellaswag_shots", task: "hellaswag", shots: 1, hasOtherRows: true),
    ]

  /// Tokenizers of CorpusTests' goldens, and tokens that the stand-in reads at once.
  static let models: [(name: String, specials: JSONValue, maximumLength: Int)] = [
    ("smollm", ["eos_token": "<|endoftext|>"], 96),
    ("llama3", ["bos_token": "<|begin_of_text|>", "eos_token": "<|endoftext|>"], 64),
    ("llama-metaspace", ["bos_token": "<s>", "eos_token": "</s>"], 48),
  ]

  func load() throws -> (task: EvaluationTask, samples: [TaskSample]) {
    let task =
      name.hasPrefix("foundry")
      ? try EvaluationTask.load(Self.rows(self.task), shots: shots)
      : try EvaluationTask.load(Self.shipped(self.task), dataOverride: Self.rowFolder, shots: shots)
    return (task, try task.samples(limit: limit))
  }

  /// What the model has said in the golden, a list a sample.
  func likelihoods() throws -> [[LogLikelihood]] {
    try document().member("samples").elements().map { sample in
      try sample.member("filtered_resps").elements().map { answer in
        let parts = try answer.arrayValue.map { try $0.map { try $0.text() } } ?? [answer.text()]
        return LogLikelihood(
          sum: Double(parts[0])!, isGreedy: parts.count > 1 && parts[1] == "True")
      }
    }
  }

  func document() throws -> JSONValue { try Self.json("\(name).json") }

  static func json(_ file: String) throws -> JSONValue {
    try JSONValue(parsing: try Data(contentsOf: folder.appendingPathComponent(file)))
  }

  static let folder = Bundle.module.bundleURL.appendingPathComponent("Goldens/tasks")

  private static let rowFolder = folder.appendingPathComponent("rows").path

  static func rows(_ name: String) -> String { "\(rowFolder)/\(name).jsonl" }

  /// A file of data/tasks.
  static func shipped(_ name: String) -> String {
    root.appendingPathComponent("data/tasks/\(name).json").path
  }

  static func tokenizer(_ name: String, _ specials: JSONValue) throws -> Tokenizer {
    let path = "Tests/CorpusTests/Goldens/tokenizers/\(name).tokenizer.json"
    let document = try JSONValue(
      parsing: try Data(contentsOf: root.appendingPathComponent(path)))
    return try Tokenizer(tokenizerJSON: document, configuration: specials, location: name)
  }

  private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
}

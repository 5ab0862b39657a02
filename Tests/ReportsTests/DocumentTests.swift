import Documents
import Foundation
import Results
import Testing

@testable import Reports

@Suite struct DocumentTests {
  @Test func `Results stand under lm-eval's keys in lm-eval's order`() throws {
    let document = SampleReports.full.document
    #expect(
      document.objectValue?.keys == [
        "results", "group_subtasks", "configs", "versions", "n-shot", "higher_is_better",
        "n-samples", "config", "git_hash", "date", "pretty_env_info", "transformers_version",
        "lm_eval_version", "upper_git_hash", "task_hashes", "model_source", "model_name",
        "model_name_sanitized", "system_instruction", "system_instruction_sha",
        "fewshot_as_multiturn", "chat_template", "chat_template_sha",
        "total_evaluation_time_seconds", "linearize",
      ])
    #expect(
      document["results"]?["arc_easy"] == [
        "name": "arc_easy", "alias": "arc_easy", "sample_len": 300, "acc,none": 0.375,
        "acc_stderr,none": 0.025, "perplexity,none": .number(10 / 0.375),
        "perplexity_stderr,none": "N/A",
      ])
    let text = try #require(document["results"]?["heldout_text"])
    #expect(abs(try #require(text["perplexity,none"]?.doubleValue) - 30) < 1e-9)
    #expect(abs(try #require(text["loss,none"]?.doubleValue) - log(30)) < 1e-12)
    #expect(text["accuracy,none"] == 0.25)
    #expect(text["perplexity_stderr,none"] == "N/A")
    #expect(document["n-samples"]?["arc_easy"] == ["original": 2376, "effective": 300])
    #expect(document["higher_is_better"]?["arc_easy"] == ["acc": true, "perplexity": false])
    #expect(document["configs"]?["arc_easy"]?["output_type"] == "multiple_choice")
    #expect(document["task_hashes"]?["arc_easy"] == "5a5a5a5a5a5a5a")
    #expect(document["config"]?["limit"] == 300)
    #expect(document["lm_eval_version"] == "0.4.13")
    #expect(document["model_name_sanitized"] == "runs__a__b__student")
    #expect(document["total_evaluation_time_seconds"] == "12.25")
  }

  @Test func `The program's own member has every measure and the ablation`() throws {
    let own = try #require(SampleReports.full.document["linearize"])
    #expect(
      own["measures"]?.objectValue?.keys.prefix(EvaluationReport.measures.count)
        == EvaluationReport.measures.map(\.name)[...])
    #expect(abs(try #require(own["measures"]?["perplexityRatio"]?.doubleValue) - 1.5) < 1e-12)
    #expect(own["variants"]?.objectValue?.keys == ["teacher", "student", "windowOnly"])
    #expect(own["transferLossByLayer"] == [20.0, nil, 25.0])
    #expect(own["linearShare"]?["hasEarnedItsPlace"] == true)
    #expect(own["notes"] == ["Not measured: recall at 4,096 tokens."])
    #expect(own["fidelity"]?["layers"]?.arrayValue?.count == 2)
    #expect(own["speed"]?["decodeCrossover"] == 1024)
    #expect(own["variants"]?["student"]?["tasks"]?["arc_easy"]?["truncatedSamples"] == 2)
    #expect(own["thresholds"]?.arrayValue?.first?["isKept"] == true)
  }

  @Test func `A result that is read back gives the same document`() throws {
    for report in [
      SampleReports.full, SampleReports.teacherAlone, EvaluationReport(title: "nothing"),
    ] {
      let written = report.document.pretty
      let read = try StoredResults(JSONValue(parsing: written), path: "results.json")
      #expect(!read.isForeign)
      #expect(read.report.document.pretty == written)
    }
  }

  @Test func `A result from before there were notes is read without them`() throws {
    var document = SampleReports.full.document
    let path = try #require(JSONPath("linearize.notes"))
    try document.remove(at: path)
    #expect(try StoredResults(document, path: "r").report.notes.isEmpty)
  }

  @Test func `A number that is none becomes null, and its error lm-eval's N slash A`() throws {
    var report = SampleReports.full
    report.variants[1].tasks[0].metrics[0].standardError = .nan
    report.variants[1].tasks[0].metrics[1].value = .infinity
    let document = try JSONValue(parsing: report.document.pretty)
    #expect(document["results"]?["arc_easy"]?["acc_stderr,none"] == "N/A")
    #expect(document["results"]?["arc_easy"]?["perplexity,none"] == .null)
    let read = try StoredResults(document, path: "r").report
    #expect(read[.student]?.tasks[0].metrics[1].value.isNaN == true)
  }

  @Test func `lm-eval's own results are understood`() throws {
    let document: JSONValue = [
      "results": [
        "piqa": [
          "alias": "piqa", "acc,none": 0.6467, "acc_stderr,none": 0.0276, "acc_norm,none": 0.6633,
          "acc_norm_stderr,none": "N/A",
        ]
      ],
      "n-shot": ["piqa": 5], "n-samples": ["piqa": ["original": 1838, "effective": 300]],
      "higher_is_better": ["piqa": ["acc": true, "acc_norm": true]], "model_name": "SmolLM2",
    ]
    let stored = try StoredResults(document, path: "theirs.json")
    let task = try #require(stored.report.subject?.tasks.first)
    #expect(stored.isForeign)
    #expect(stored.name == "SmolLM2")
    #expect(task.metrics.map(\.name) == ["acc", "acc_norm"])
    #expect(task.metrics.map(\.standardError) == [0.0276, nil])
    #expect(task.shots == 5)
    #expect((task.samples, task.availableSamples) == (300, 1838))
  }

  @Test(
    arguments: [
      (
        "$.results", nil,
        "old.json: $.results: is missing, expected an object; give a results.json that linearize evaluate wrote"
      ),
      ("$.linearize.title", nil, "old.json: $.linearize.title: is missing, expected a string"),
      (
        "$.linearize.title", 3,
        "old.json: $.linearize.title: found the integer 3, expected a string"
      ),
      (
        "$.linearize.format", 99,
        "old.json: $.linearize.format: found 99, expected 1; evaluate again with this version"
      ),
      (
        "$.linearize.variants.student.text.windowLossSums", [1.0],
        "old.json: $.linearize.variants.student.text: found 1 losses, 2 counts of scored and 2 of correct tokens"
      ),
      (
        "$.linearize.variants.student.tasks.arc_easy.shots", -1,
        "old.json: $.linearize.variants.student.tasks.arc_easy.shots: found the integer -1, expected an integer of at least 0"
      ),
      (
        "$.linearize.training", [1],
        "old.json: $.linearize.training[0]: found the integer 1, expected an object"
      ),
    ] as [(String, JSONValue?, String)])
  func `A damaged result is refused with its file and place`(
    place: String, value: JSONValue?, message: String
  ) throws {
    var document = SampleReports.full.document
    let path = try #require(JSONPath(String(place.dropFirst(2))))
    if place == "$.results" { document = ["something": "else"] }
    if let value {
      try document.set(value, at: path)
    } else if place != "$.results" {
      try document.remove(at: path)
    }
    let error = #expect(throws: ResultsError.self) {
      try StoredResults(document, path: "old.json")
    }
    #expect(error?.description.hasPrefix(message) == true, "\(error?.description ?? "")")
    #expect(error?.exitCode == .badData)
  }
}

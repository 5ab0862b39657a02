import Documents
import Foundation
import Models
import ModelsTestSupport
import TestSupport
import Testing

@testable import Pipeline

@Suite struct TaskEvaluationTests {
  private let rows = """
    {"query": "the cat", "choices": ["and", "the dog"], "gold": 0}
    {"query": "the bird", "choices": ["the", "and the"], "gold": 1}
    {"query": "the dog", "choices": ["and", "cat"], "gold": 0}
    """

  @Test func `A task is scored on every variant, and each sample of the student is kept`() throws {
    try withTemporaryFolder { folder in
      try TinyCheckpoint.write(TinyCheckpoint.llama(), to: folder)
      try TinyCheckpoint.writeStudent(of: folder, to: "\(folder)/student.h5")
      try DocumentFile("\(folder)/pets.jsonl").replace(with: rows)
      let model = try LoadedModel.open("\(folder)/student.h5")
      let (report, samples) = try ModelEvaluation(model, clock: { 0 }, wallClock: { 0 }).run(
        .init(sequenceLength: 8, tasks: [.init(path: "\(folder)/pets.jsonl")], limit: 2))
      #expect(
        report.variants.map(\.variant) == [
          .teacher, .student, .windowOnly, .memoryOnly, .noAttention, .teacherWindowSinks,
        ])
      for variant in report.variants {
        #expect(variant.tasks.map(\.name) == ["pets"])
        #expect(variant.tasks[0].samples == 2 && variant.tasks[0].availableSamples == 3)
      }
      #expect(samples.map(\.task) == ["pets"])
      #expect(samples[0].lines.count == 2)
      try EvaluationFiles.write(
        report, samples: samples, to: "\(folder)/out", environment: [:])
      let lines = try TextFile.read("\(folder)/out/samples_pets.jsonl").split(separator: "\n")
      #expect(try lines.map { try JSONValue(parsing: String($0)) } == samples[0].lines)
      let results = try DocumentFile("\(folder)/out/results.json").read()
      #expect(
        results["results"]?["pets"]?["acc,none"]?.doubleValue
          == report[.student]?.tasks[0].metric("acc")?.value)
    }
  }

  @Test func `Two tasks of one name are refused before any is scored`() throws {
    try withTemporaryFolder { folder in
      try TinyCheckpoint.write(TinyCheckpoint.llama(), to: folder)
      try FileManager.default.createDirectory(
        atPath: "\(folder)/b", withIntermediateDirectories: false)
      for path in ["pets.jsonl", "b/pets.jsonl"] {
        try DocumentFile("\(folder)/\(path)").replace(with: rows)
      }
      let error = #expect(throws: InputError.self) {
        try ModelEvaluation(try LoadedModel.open(folder)).run(
          .init(
            sequenceLength: 8,
            tasks: [.init(path: "\(folder)/pets.jsonl"), .init(path: "\(folder)/b/pets.jsonl")]))
      }
      #expect(
        error?.description
          == "\(folder)/b/pets.jsonl: is called \"pets\" as \(folder)/pets.jsonl is; results are "
          + "kept by name, so give one of them another")
    }
  }

  @Test func `What cannot be measured is noted, not skipped in silence`() throws {
    try withTemporaryFolder { folder in
      try TinyCheckpoint.write(TinyCheckpoint.llama(), to: folder)
      try DocumentFile("\(folder)/pets.jsonl").replace(with: rows)
      let report = try ModelEvaluation(try LoadedModel.open(folder), clock: { 0 }).run(
        .init(
          sequenceLength: 8, tasks: [.init(path: "\(folder)/pets.jsonl")],
          recall: RecallPlan(associativeLengths: [1_000_000], passkeyLengths: []))
      ).report
      #expect(report.notes.count == 1)
      #expect(report.notes[0].hasPrefix("associative recall at 1000000 tokens was not measured: "))
    }
  }
}

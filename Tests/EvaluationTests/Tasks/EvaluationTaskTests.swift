import Corpus
import Documents
import TestSupport
import Testing

@testable import Evaluation

/// What goldens do not show: names, places of files, defaults, chance, special tokens.
@Suite struct EvaluationTaskTests {
  private static let rows =
    #"{"query": "q", "choices": ["a", "b"], "gold": 1}"# + "\n\n"
    + #"{"query": "r", "choices": ["a", "b", "c", "d"], "gold": 0}"#

  @Test func `rows of llm-foundry's form make a task named after their file, blank lines aside`()
    throws
  {
    let files = try TaskFiles()
    let task = try EvaluationTask.load(files.write(Self.rows, to: "my_task.v2.jsonl"))
    #expect(task.name == "my_task.v2")
    #expect(task.availableSamples == 2)
    #expect(task.metrics == [.accuracy, .normalizedAccuracy])
    let samples = try task.samples()
    #expect(samples.map(\.line) == [1, 3])
    #expect(
      samples[0].requests == [
        .init(context: "q", continuation: " a"), .init(context: "q", continuation: " b"),
      ])
    #expect(try task.samples(limit: 1).count == 1)
    #expect(task.configuration["delimiter"] == " ")
    #expect(task.configuration["shots"] == 0)
  }

  @Test func `chance is the mean over samples of one among the choices`() throws {
    let files = try TaskFiles()
    let task = try EvaluationTask.load(files.write(Self.rows, to: "rows.jsonl"))
    let samples = try task.samples()
    let found = samples.map { sample in
      sample.requests.map { _ in LogLikelihood(sum: -1, isGreedy: false) }
    }
    let result = try task.result(
      of: samples, likelihoods: found, truncatedSamples: 1, seconds: 2, hash: Digest.sha256)
    #expect(result.chance == 0.375)
    // All choices tie, and the first of equals is taken.
    #expect(result.metric("acc")?.value == 0.5)
    #expect(result.truncatedSamples == 1)
    #expect(result.availableSamples == 2)
    #expect(result.samplesHash.count == 64)
  }

  private static let lettered = """
    {"name": "t", "kind": "lettered-choice", "data": "rows.jsonl", "context": "{{q}}\\n{{lettered}}\\nIt is",
     "choices": "{{c}}", "answer": "{{a}}"}
    """

  @Test func `lettered choices are shown in every rotation of their order, and letters are scored`()
    throws
  {
    let files = try TaskFiles()
    _ = try files.write(#"{"q": "Which?", "c": ["x", "y", "z"], "a": 1}"#, to: "rows.jsonl")
    let task = try EvaluationTask.load(files.write(Self.lettered, to: "task.json"))
    let samples = try task.samples()
    let orders = ["A. x\nB. y\nC. z", "A. y\nB. z\nC. x", "A. z\nB. x\nC. y"]
    #expect(
      samples[0].requests
        == orders.flatMap { order in
          ["A", "B", "C"].map {
            .init(context: "Which?\n\(order)\nIt is", continuation: " \($0)")
          }
        })
    /// What the metrics are when the given place is the most probable of each rotation.
    let scores = { (places: [Int]) in
      let found = places.flatMap { place in
        (0..<3).map { LogLikelihood(sum: $0 == place ? -1 : -2, isGreedy: false) }
      }
      let result = try task.result(of: samples, likelihoods: [found], hash: Digest.sha256)
      #expect(result.chance == 1 / 3.0)
      return ["acc", "acc_all", "letter_share"].map { result.metric($0)!.value }
    }
    // What is right, y, stands at B, then at A, then at C.
    #expect(try scores([1, 0, 2]) == [1, 1, 1 / 3.0])
    #expect(try scores([0, 0, 0]) == [1 / 3.0, 0, 1])
    #expect(try scores([1, 0, 0]) == [2 / 3.0, 0, 2 / 3.0])
    let solved = try EvaluationTask.load(
      files.write(
        Self.lettered.replacing(#""name""#, with: #""shots": 1, "shotData": "rows.jsonl", "name""#),
        to: "shots.json"))
    #expect(
      try solved.samples()[0].requests[3].context
        == "Which?\n\(orders[0])\nIt is B\n\nWhich?\n\(orders[1])\nIt is")
  }

  @Test func `a context that does not show lettered choices is a mistake`() throws {
    let files = try TaskFiles()
    let task = try files.write(Self.lettered.replacing("{{lettered}}", with: "?"), to: "task.json")
    let error = #expect(throws: TaskError.self) { try EvaluationTask.load(task) }
    #expect(error.map { "\($0)" }?.contains("does not show the choices") == true)
  }

  @Test func `data lie beside the task file, or where the caller says`() throws {
    let files = try TaskFiles()
    let data = try files.write(#"{"a": "x y"}"#, to: "data.jsonl")
    let path = try files.write(
      #"{"name": "t", "kind": "rolling", "data": "data.jsonl", "text": "{{a}}"}"#, to: "task.json")
    #expect(try EvaluationTask.load(path).dataPath == data)
    let other = try files.write(#"{"a": "z"}"#, to: "other.jsonl")
    let task = try EvaluationTask.load(path, dataOverride: other)
    #expect(task.dataPath == other)
    #expect(try task.samples().map { $0.requests[0].continuation } == ["z"])
    #expect(
      try EvaluationTask.load(path, dataOverride: files.folder.path).dataPath == data)
  }

  @Test func `the file with its defaults spelled out gives the same task again`() throws {
    for name in Set(TaskGolden.all.map(\.task)) where !name.hasPrefix("foundry") {
      let document = try DocumentFile(TaskGolden.shipped(name)).read()
      let first = try TaskSpecification.read(document, location: "t")
      let second = try TaskSpecification.read(first.resolved, location: "t")
      #expect(first.resolved == second.resolved, "\(name)")
      #expect(first.task.metrics == second.task.metrics, "\(name)")
      #expect(first.resolved["shotData"] != nil, "\(name)")
    }
  }

  @Test func `the schema names every kind and its fields`() throws {
    let cases = try EvaluationTask.schema.member("oneOf").elements()
    #expect(
      try cases.map { try $0.member("title").text() } == [
        "multiple-choice", "lettered-choice", "continuation", "rolling",
      ])
    let properties = try cases.map { try $0.member("properties") }
    #expect(properties[0]["choices"] != nil && properties[0]["contexts"] != nil)
    #expect(properties[1]["choices"] != nil && properties[1]["contexts"] == nil)
    #expect(properties[2]["continuation"] != nil && properties[2]["choices"] == nil)
    #expect(properties[3]["text"] != nil && properties[3]["context"] == nil)
  }

  @Test func `a tokenizer's beginning-of-text token is left out when the caller says so`() throws {
    let (task, samples) = try TaskGolden(name: "piqa", task: "piqa").load()
    let (name, specials, _) = TaskGolden.models[1]
    let tokenizer = try TaskGolden.tokenizer(name, specials)
    let beginning = try #require(tokenizer.beginningOfText)
    func contexts(_ adds: Bool) throws -> [[Int32]] {
      try TaskEncoding(encoder: tokenizer, maximumLength: 512, addsSpecialTokens: adds)
        .encode(samples, of: task).requests.flatMap { $0 }.map(\.context)
    }
    #expect(try contexts(true).allSatisfy { $0.first == beginning })
    #expect(try contexts(true) == contexts(false).map { [beginning] + $0 })
  }

  @Test func `a context that is cut keeps its end, and counts its sample once`() throws {
    let files = try TaskFiles()
    let rows =
      #"{"query": "abcdef", "choices": ["x", "yy"], "gold": 0}"# + "\n"
      + #"{"query": "a", "choices": ["x", "yy"], "gold": 0}"#
    let task = try EvaluationTask.load(files.write(rows, to: "rows.jsonl"))
    let encoded = try TaskEncoding(encoder: LetterEncoder(), maximumLength: 5)
      .encode(try task.samples(), of: task)
    #expect(encoded.truncatedSamples == 1)
    let texts = encoded.requests.map { requests in
      requests.map { request in
        [request.context, request.continuation].map { tokens in
          String(String.UnicodeScalarView(tokens.map { Unicode.Scalar(UInt32($0))! }))
        }
      }
    }
    #expect(texts == [[["cdef", " x"], ["def", " yy"]], [["a", " x"], ["a", " yy"]]])
  }
}

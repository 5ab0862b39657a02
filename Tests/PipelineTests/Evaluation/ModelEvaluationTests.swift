import Corpus
import Documents
import Evaluation
import Foundation
import Models
import ModelsTestSupport
import Reports
import Results
import TestSupport
import Testing

@testable import Pipeline

@Suite struct ModelEvaluationTests {
  private func ids(_ count: Int) -> JSONValue {
    .array((0..<count).map { .integer($0 * 7 % 40) })
  }

  private func evaluate(
    _ model: LoadedModel, _ source: ModelEvaluation.Source, length: Int, maximum: Int? = nil,
    studentOnly: Bool = true
  ) throws -> EvaluationReport {
    try ModelEvaluation(model, clock: { 0 }, wallClock: { 1_700_000_000 }).run(
      .init(
        source: source, sequenceLength: length, maximumSequences: maximum,
        studentOnly: studentOnly)
    ).report
  }

  @Test func `A list is cut into windows, and lists of lists each by itself`() throws {
    try withTemporaryFolder { folder in
      try TinyCheckpoint.write(TinyCheckpoint.llama(), to: folder)
      let model = try LoadedModel.open(folder)
      try DocumentFile("\(folder)/flat.json").replace(with: ids(30).compact)
      try DocumentFile("\(folder)/nested.json").replace(
        with: JSONValue.array([ids(15), ids(9), ids(20)]).compact)
      let flat = try evaluate(model, .tokens("\(folder)/flat.json"), length: 10)
      #expect(flat[.teacher]?.text?.windows.count == 3)
      let nested = try evaluate(model, .tokens("\(folder)/nested.json"), length: 10)
      #expect(nested[.teacher]?.text?.windows.count == 3)
      #expect(nested[.teacher]?.text?.windows[0] == flat[.teacher]?.text?.windows[0])
      let two = try evaluate(model, .tokens("\(folder)/nested.json"), length: 10, maximum: 2)
      #expect(
        two[.teacher]?.text?.windows == nested[.teacher]?.text.map { Array($0.windows.prefix(2)) })
    }
  }

  @Test func `A text is encoded without special tokens`() throws {
    try withTemporaryFolder { folder in
      try TinyCheckpoint.write(TinyCheckpoint.llama(), to: folder)
      let model = try LoadedModel.open(folder)
      let text = "the cat and the dog and the bird 123"
      try DocumentFile("\(folder)/text.txt").replace(with: text)
      let tokens = try model.requireTokenizer().encode(text)
      try DocumentFile("\(folder)/ids.json").replace(
        with: JSONValue.array(tokens.map { .integer(Int($0)) }).compact)
      let fromText = try evaluate(model, .text("\(folder)/text.txt"), length: 8)
      let fromTokens = try evaluate(model, .tokens("\(folder)/ids.json"), length: 8)
      #expect(fromText[.teacher] == fromTokens[.teacher])
    }
  }

  @Test func `Windows of documents lie within one document`() throws {
    try withTemporaryFolder { folder in
      try TinyCheckpoint.write(TinyCheckpoint.llama(), to: folder)
      let model = try LoadedModel.open(folder)
      let texts = [
        "the cat and the dog and the bird 123", "a dog", "the bird and 7 cats and 9 dogs",
      ]
      let rows: [JSONValue] = texts.map { ["source": "a book", "text": .string($0)] }
      try DocumentFile("\(folder)/text.jsonl").replace(
        with: rows.map(\.compact).joined(separator: "\n"))
      let tokenizer = try model.requireTokenizer()
      let lists = texts.map { JSONValue.array(tokenizer.encode($0).map { .integer(Int($0)) }) }
      try DocumentFile("\(folder)/ids.json").replace(with: JSONValue.array(lists).compact)
      let fromText = try evaluate(model, .text("\(folder)/text.jsonl"), length: 8)
      let fromTokens = try evaluate(model, .tokens("\(folder)/ids.json"), length: 8)
      #expect(fromText[.teacher] == fromTokens[.teacher])
      try DocumentFile("\(folder)/bad.jsonl").replace(with: "{\"text\": 1}\n{}\n{\"text\":")
      let error = #expect(throws: DatasetError.self) {
        _ = try evaluate(model, .text("\(folder)/bad.jsonl"), length: 8)
      }
      let lines = "\(try #require(error))".split(separator: "\n")
      #expect(lines.count == 3)
      #expect(lines[0].hasSuffix(#"line 1: "text": found the integer 1, expected a string"#))
      #expect(
        lines[1].hasSuffix(
          #"line 2: found an object without "text", expected one with it"#))
    }
  }

  @Test func `A student can be measured beside its teacher`() throws {
    try withTemporaryFolder { folder in
      try TinyCheckpoint.write(TinyCheckpoint.llama(), to: folder)
      try TinyCheckpoint.writeStudent(of: folder, to: "\(folder)/student.h5")
      try DocumentFile("\(folder)/ids.json").replace(with: ids(60).compact)
      let source = ModelEvaluation.Source.tokens("\(folder)/ids.json")
      let teacher = try evaluate(try LoadedModel.open(folder), source, length: 20)[.teacher]
      let both = try evaluate(
        try LoadedModel.open("\(folder)/student.h5"), source, length: 20,
        studentOnly: false)
      #expect(both[.teacher] == teacher)
      #expect(both[.student] != nil && both[.student] != teacher)
      #expect(both.value(of: "perplexityRatio") != nil)
      #expect(
        both.variants.map(\.variant) == [
          .teacher, .student, .windowOnly, .memoryOnly, .noAttention, .teacherWindowSinks,
        ])
      #expect(both.linearShare != nil)
      let alone = try evaluate(
        try LoadedModel.open("\(folder)/student.h5"), source, length: 20)
      #expect(alone[.teacher] == nil && alone[.student] == both[.student])
    }
  }

  @Test func `Too few tokens for a window are refused with both numbers`() throws {
    try withTemporaryFolder { folder in
      try TinyCheckpoint.write(TinyCheckpoint.llama(), to: folder)
      let path = "\(folder)/ids.json"
      try DocumentFile(path).replace(with: ids(9).compact)
      let error = #expect(throws: InputError.self) {
        try evaluate(try LoadedModel.open(folder), .tokens(path), length: 10)
      }
      #expect(
        error?.description == """
          \(path): found 9 tokens in 1 sequence, expected at least 10 in one, a window; give \
          more, or a shorter --sequence-length
          """)
    }
  }

  @Test func `A text that is not UTF-8 is refused with the place`() throws {
    try withTemporaryFolder { folder in
      let path = "\(folder)/latin1.txt"
      try Data([0x61, 0xC3, 0xA9, 0xE9, 0x62]).write(to: URL(fileURLWithPath: path))
      let error = #expect(throws: InputError.self) { try TextFile.read(path) }
      #expect(
        error?.description
          == "\(path), byte 3: is not UTF-8; convert the text, for example with iconv")
    }
  }

  @Test func `Results and report appear in a folder that is made for them`() throws {
    try withTemporaryFolder { folder in
      let output = "\(folder)/a/b"
      try EvaluationFiles.write(
        EvaluationReport(title: "empty"), to: output,
        environment: ["GITHUB_STEP_SUMMARY": "\(folder)/summary.md"])
      #expect(try DocumentFile("\(output)/results.json").read()["linearize"]?["title"] == "empty")
      #expect(try TextFile.read("\(output)/report.md").hasPrefix("# empty\n"))
      for name in ["report.html", "junit.xml"] {
        #expect(!(try TextFile.read("\(output)/\(name)").isEmpty))
      }
      #expect(try TextFile.read("\(folder)/summary.md").contains("empty"))
    }
  }
}

import Documents
import Foundation
import Results
import Testing

@testable import Reports

@Suite struct SelectionReportTests {
  private static func candidate(_ layer: Int, _ cost: Double, _ divergence: Double)
    -> SelectionResult.Candidate
  {
    .init(
      layer: layer,
      measures: .init(
        divergence: divergence, recallLoss: 4, recall: 0.5, passkeyLoss: 1, passkey: 0.8),
      cost: cost)
  }

  private static let selection = SelectionResult(
    layers: 3, linear: "sliding window of 64, first 4 tokens kept, untrained",
    teacher: .init(divergence: 0, recallLoss: 1, recall: 0.75, passkeyLoss: 0.5, passkey: 1),
    without: .init(divergence: 0.4, recallLoss: 9, recall: 0, passkeyLoss: 3, passkey: 0),
    removed: [candidate(0, 0.1, 0.01), candidate(1, 0.5, 0.2), candidate(2, 0.2, 0.05)],
    rounds: [
      .init(
        candidates: [candidate(0, 0.9, 0.3), candidate(1, 0.4, 0.2), candidate(2, 0.8, 0.3)],
        chosen: 1),
      .init(candidates: [candidate(0, 0.3, 0.15), candidate(2, 0.2, 0.1)], chosen: 2),
    ], notes: ["A note."], tokens: 1234)

  @Test func `The choice is told with what it keeps before any training`() {
    #expect(Self.selection.chosen == [1, 2])
    #expect(
      Self.selection.sentence
        == "Layers 1 and 2 of 3 keep softmax, chosen without training. KL beyond the window, nats: "
        + "teacher 0.000, chosen 0.100, no softmax 0.400; associative recall: teacher 75.0 %, "
        + "chosen 50.0 %, no softmax 0.0 %; passkey tokens: teacher 100.0 %, chosen 80.0 %, "
        + "no softmax 0.0 %.")
    var none = Self.selection
    none.rounds = []
    (none.teacher, none.without) = (.init(), .init())
    #expect(none.sentence == "No layer keeps softmax.")
  }

  @Test func `A choice that is read back is the same`() throws {
    let path = NSTemporaryDirectory() + "selection-\(UUID().uuidString).json"
    defer { #expect(throws: Never.self) { try FileManager.default.removeItem(atPath: path) } }
    var selection = Self.selection
    selection.removed[0].measures.passkeyLoss = nil
    try DocumentFile(path).replace(with: selection.document.pretty)
    #expect(try SelectionResult(contentsOf: path) == selection)
    var report = SampleReports.full
    report.selection = selection
    let stored = try StoredResults(report.document, path: "r.json").report
    #expect(stored.selection == selection)
    #expect(try StoredResults(SampleReports.full.document, path: "r.json").report.selection == nil)
  }

  @Test func `Memories of what was read are told by length, and held to a bound`() throws {
    var report = SampleReports.full
    report.cache = CacheResult(points: [
      .init(length: 1024, teacherBytes: 1_000_000, studentBytes: 800_000),
      .init(length: 8192, teacherBytes: 8_000_000, studentBytes: 2_000_000),
    ])
    let sentence =
      "After 8,192 tokens the student's memories take 2.00 MB, 25.0 % of the teacher's "
      + "8.00 MB."
    #expect(report.markdown.contains("| 1,024 | 1.00 MB | 800 kB | 80.0 % |"))
    for text in [report.markdown, report.terminalTable, try report.html()] {
      #expect(text.replacing("&#39;", with: "'").contains(sentence))
    }
    report.judge([("cacheShare", nil, 0.25)])
    #expect(report.verdicts.last?.isKept == true)
    #expect(try StoredResults(report.document, path: "r.json").report.cache == report.cache)
  }

  @Test func `The report draws the scores by layer and marks the chosen`() throws {
    var report = SampleReports.full
    report.selection = Self.selection
    let markdown = report.markdown
    #expect(markdown.contains("## Layers that keep softmax"))
    #expect(markdown.contains("| 1 | 50.0 % | 40.0 % | 0.200 | 4.000 | 1.000 | 1. |"))
    #expect(markdown.contains("no softmax 0.0 %. A note."))
    let page = try report.html()
    for text in [
      "<section id=\"selection\"", "Lost without the layer", "Left lost with the layer restored",
      "made linear alone (sliding window of 64, first 4 tokens kept, untrained)", "A note.",
    ] {
      #expect(page.contains(text), "\(text)")
    }
    #expect(!(try SampleReports.full.html().contains("<section id=\"selection\"")))
  }
}

import Documents
import Foundation
import Results
import Testing

@testable import Reports

#if canImport(FoundationXML)
  import FoundationXML
#endif

@Suite struct JUnitTests {
  /// Every element with its attributes, in order; nil for text that is no XML.
  private final class Recorder: NSObject, XMLParserDelegate {
    var elements: [(name: String, attributes: [String: String])] = []

    func parser(
      _ parser: XMLParser, didStartElement elementName: String, namespaceURI: String?,
      qualifiedName: String?, attributes: [String: String]
    ) {
      elements.append((elementName, attributes))
    }

    static func elements(of text: String) -> [(name: String, attributes: [String: String])]? {
      let recorder = Recorder()
      let parser = XMLParser(data: Data(text.utf8))
      parser.delegate = recorder
      return parser.parse() ? recorder.elements : nil
    }
  }

  @Test func `Every threshold and every stage is a case`() throws {
    var report = SampleReports.full
    report.judge([("transferLoss", nil, 10), ("linearShare/x", 1, nil)])
    let elements = try #require(Recorder.elements(of: report.junit))
    #expect(elements[0].name == "testsuites")
    #expect(elements[0].attributes["tests"] == "4")
    #expect(elements[0].attributes["failures"] == "2")
    let cases = elements.filter { $0.name == "testcase" }.map(\.attributes)
    #expect(
      cases.map { $0["name"] } == [
        "perplexityRatio at most 2", "transferLoss at most 10", "linearShare/x at least 1",
        "attention-transfer",
      ])
    #expect(cases.map { $0["classname"] }.last == "linearize.stages")
    #expect(cases.last?["time"] == "200.000")
    #expect(
      elements.filter { $0.name == "failure" }.map { $0.attributes["message"] } == [
        "transferLoss is 22.5, expected at most 10",
        "linearShare/x was not measured, expected at least 1",
      ])
    let suites = elements.filter { $0.name == "testsuite" }.map { $0.attributes["failures"] }
    #expect(suites == ["2", "0"])
  }

  @Test func `A stage whose loss is no number is an error`() throws {
    var report = SampleReports.full
    report.training[0].points[1].loss = .nan
    let elements = try #require(Recorder.elements(of: report.junit))
    #expect(
      elements.first { $0.name == "error" }?.attributes["message"] == "the loss at step 60 is nan")
    #expect(elements[0].attributes["errors"] == "1")
  }

  @Test func `Names are escaped, and what XML cannot write is dropped`() throws {
    var report = SampleReports.full
    report.title = "a<b & \"c\"\u{301} 'd'\u{0}\u{1B}[31m\u{FFFE}é🎓"
    report.training[0].stage = "</testcase>"
    let elements = try #require(Recorder.elements(of: report.junit))
    #expect(elements[0].attributes["name"] == "a<b & \"c\"\u{301} 'd'[31mé🎓")
    #expect(elements.last { $0.name == "testcase" }?.attributes["name"] == "</testcase>")
  }

  @Test func `Without thresholds and stages the file is still one`() throws {
    let elements = try #require(Recorder.elements(of: EvaluationReport(title: "x").junit))
    #expect(elements.map(\.name) == ["testsuites"])
  }
}

@Suite struct StepSummaryTests {
  @Test func `A short report is given whole`() {
    #expect(SampleReports.full.stepSummary() == SampleReports.full.markdown)
  }

  @Test func `A long report is cut at a line within the limit, and points to the whole`() {
    let whole = SampleReports.full.markdown
    for limit in stride(from: 400, to: whole.utf8.count, by: 97) {
      let cut = SampleReports.full.stepSummary(pointer: "runs/1/report.md", limit: limit)
      #expect(cut.utf8.count <= limit)
      #expect(cut.hasSuffix("the whole report is in `runs/1/report.md`.*\n"))
      let fences = cut.split(separator: "\n").filter { $0.hasPrefix("```") }.count
      #expect(fences % 2 == 0, "limit \(limit)")
    }
  }

  @Test(arguments: [0, 1, 40])
  func `A file that is full gets nothing more`(limit: Int) {
    #expect(SampleReports.full.stepSummary(limit: limit).isEmpty)
  }

  @Test func `A recipe of two megabytes stays under what GitHub takes`() {
    var report = SampleReports.full
    report.recipe = .array((0..<40_000).map { ["name": .string("stage \($0) of a long recipe")] })
    #expect(report.markdown.utf8.count > 1_500_000)
    let summary = report.stepSummary()
    #expect(summary.utf8.count <= 1024 * 1024)
    #expect(summary.contains("## How to repeat"))
    #expect(summary.contains("the whole report is in `report.md`"))
  }
}

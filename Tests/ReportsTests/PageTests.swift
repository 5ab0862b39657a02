import Documents
import Foundation
import Results
import Testing

@testable import Reports

/// A page's text that a failed test does not print.
private struct Page: CustomTestStringConvertible {
  let text: String

  init(_ report: EvaluationReport) throws { text = try report.html() }

  var testDescription: String { "a page of \(size) bytes" }
  var size: Int { text.utf8.count }
  /// Bytes, as a browser sees them.
  func contains(_ part: String) -> Bool { Data(text.utf8).range(of: Data(part.utf8)) != nil }
  func count(of part: String) -> Int { text.components(separatedBy: part).count - 1 }
  func hasPrefix(_ part: String) -> Bool { text.hasPrefix(part) }

  /// What the pattern's first group found, or its whole, in order.
  func all(_ pattern: String) throws -> [String] {
    try text.matches(of: Regex(pattern)).map { match in
      String(match.output[match.output.count > 1 ? 1 : 0].substring ?? "")
    }
  }
}

@Suite struct PageTests {
  private func ids(_ page: Page) throws -> [String] { try page.all(#"<section id="([a-z-]+)""#) }

  @Test func `Sections come in the order of what a reader asks`() throws {
    let page = try Page(SampleReports.full)
    #expect(
      try ids(page) == [
        "memory", "training", "fidelity", "attention", "ablation", "tasks", "recall",
        "position", "speed", "thresholds", "samples", "notes", "repeat",
      ])
    for id in try ids(page) { #expect(page.contains("<a href=\"#\(id)\">")) }
  }

  @Test func `Sections without data are left out, in the contents too`() throws {
    let page = try Page(SampleReports.teacherAlone)
    #expect(try ids(page) == ["ablation", "position"])
    #expect(try page.all("<li><a href=.\\#").count == 2)
    #expect(!page.contains("<script"))
    let empty = try Page(EvaluationReport(title: "x"))
    #expect(try ids(empty).isEmpty)
    #expect(empty.contains("Nothing was evaluated."))
    #expect(!empty.contains("<nav"))
  }

  @Test func `The page opens with the verdict and its numbers`() throws {
    let page = try Page(SampleReports.full)
    let header = try #require(page.all("(?s)<header.*?</header>").first)
    for text in [
      "<h1>lolcats</h1>", "The student has 1.50 times its teacher&#39;s perplexity",
      "The threshold was kept.", "models/teacher", "runs/a:b/student", "30.000",
      "teacher 20.000; 1.50 times", "61,440", "655 MB", "2023-11-14 22:13:20 UTC",
    ] {
      #expect(header.contains(text), "\(text)")
    }
  }

  @Test func `Whatever comes from outside is escaped`() throws {
    let evil = "<script>alert(1)</script>\"'&\u{301}"
    var report = SampleReports.full
    report.title = evil
    report.teacherName = evil
    report.studentName = evil
    report.commands = [evil]
    report.provenance = [evil: .string(evil)]
    report.recipe = [evil: .string(evil)]
    report.variants[1].detail = evil
    report.variants[1].tasks[0].name = evil
    report.variants[1].recall[0].kind = evil
    report.training[0].stage = evil
    report.speed?.notes = [evil]
    report.notes = [evil]
    report.verdicts.append(
      Verdict(measure: evil, minimum: 1, maximum: nil, value: 2, origin: evil))
    let page = try Page(report)
    #expect(!page.contains("<script>alert"))
    #expect(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;"))
    // Scripts are the program's own: the maps' data and what shows them.
    #expect(page.count(of: "<script") == 2)
  }

  @Test func `A quote with a combining accent cannot leave an attribute`() throws {
    var report = SampleReports.full
    let quote = "a\"\u{301}"
    report.training[0].stage = "\(quote) onload=\"alert(1)"
    let page = try Page(report)
    #expect(!page.contains(quote))
    #expect(page.contains("a&quot;"))
  }

  @Test func `Every drawing has a title, a description and ids of its own`() throws {
    let page = try Page(SampleReports.full)
    let drawings = try page.all(#"<svg class="chart[^>]*>"#)
    #expect(drawings.count >= 20)
    for drawing in drawings {
      #expect(drawing.contains("role=\"img\""))
      let label = try #require(drawing.firstMatch(of: /aria-labelledby="(\S+) (\S+)"/))
      #expect(page.contains("<title id=\"\(label.1)\">"))
      #expect(page.contains("<desc id=\"\(label.2)\">"))
    }
    let all = try page.all(#" id="([^"]+)""#)
    #expect(Set(all).count == all.count)
  }

  @Test func `Tables have captions and headings with a scope`() throws {
    let page = try Page(SampleReports.full)
    let scoped = try page.all(#"<th scope="(row|col)""#)
    #expect(try page.count(of: "<table") == page.all("<caption>[^<]").count)
    #expect(page.count(of: "<th ") == scoped.count)
  }

  @Test func `The page loads nothing and has what keyboards and readers need`() throws {
    let page = try Page(SampleReports.full)
    #expect(page.hasPrefix("<!doctype html>\n<html lang=\"en\">"))
    #expect(page.contains("default-src 'none'"))
    let addresses = try page.all(#"(?:src|href)="([^"]*)""#)
    #expect(addresses.allSatisfy { $0.hasPrefix("#") || $0.hasPrefix("data:") })
    #expect(!page.contains("@import"))
    for part in [
      "<a class=\"skip\" href=\"#content\">", "<main id=\"content\"", "<nav ", "<footer>",
      "prefers-color-scheme: dark", "@media print", ":focus-visible",
      "<label for=\"map-head\">",
    ] {
      #expect(page.contains(part), "\(part)")
    }
    #expect(!page.contains("{{"))
  }

  @Test func `A thousand maps stay under two megabytes, and the page says what is missing`() throws
  {
    var report = SampleReports.full
    let row = (0..<64).map { Float($0) / 64 }
    let weights = (0..<64).flatMap { _ in row }
    report.fidelity?.layers = (0..<32).map {
      .init(index: $0, heads: Array(repeating: SampleReports.head, count: 32))
    }
    report.fidelity?.maps = (0..<32).flatMap { layer in
      (0..<32).map {
        .init(layer: layer, head: $0, size: 64, tokens: 512, teacher: weights, student: weights)
      }
    }
    let page = try Page(report)
    #expect(page.size < 2_000_000)
    let shown = page.count(of: "<option")
    #expect(shown > 150)
    #expect(page.count(of: "<optgroup") == 32)
    #expect(page.contains("\(shown) of 1,024 maps are shown"))
  }

  @Test func `A recipe too long for the page is left to results`() throws {
    var report = SampleReports.full
    report.recipe = .array((0..<60_000).map { .string("step \($0) of a very long recipe indeed") })
    let page = try Page(report)
    #expect(page.size < 2_000_000)
    #expect(page.contains("The recipe is too long for this page"))
    #expect(page.contains("<select id=\"map-head\">"))
  }

  @Test func `Numbers that are none draw nothing and break nothing`() throws {
    var report = SampleReports.full
    report.variants[1].text?.windows[0].lossSum = .nan
    report.variants[1].text?.positions[0].lossSum = .infinity
    report.variants[1].tasks[0].metrics[0].value = .nan
    report.training[0].points[1].loss = .infinity
    report.fidelity?.layers[0].heads[0].divergence = .nan
    report.fidelity?.layers[0].heads[1].relativeError = 0
    report.fidelity?.maps[0].teacher[0] = .nan
    let page = try Page(report)
    let drawn = try page.all(#" (?:d|x|y|width|height|fill-opacity)="([^"]*)""#)
    #expect(drawn.count > 100)
    for attribute in drawn {
      #expect(!attribute.contains("nan") && !attribute.contains("inf"))
    }
  }
}

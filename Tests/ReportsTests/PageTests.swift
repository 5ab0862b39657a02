import Documents
import Foundation
import Testing

@testable import Reports

@Suite struct PageTests {
  private func ids(_ page: String) -> [String] {
    page.matches(of: /<section id="([a-z-]+)"/).map { String($0.1) }
  }

  @Test func `Sections come in the order of what a reader asks`() throws {
    let page = try SampleReports.full.html()
    #expect(
      ids(page) == [
        "linear-half", "training", "fidelity", "attention", "ablation", "tasks", "recall",
        "position", "speed", "thresholds", "samples", "repeat",
      ])
    for id in ids(page) { #expect(page.contains("<a href=\"#\(id)\">")) }
  }

  @Test func `Sections without data are left out, in the contents too`() throws {
    let page = try SampleReports.teacherAlone.html()
    #expect(ids(page) == ["ablation", "position"])
    #expect(page.matches(of: /<li><a href="#/).count == 2)
    #expect(!page.contains("<script"))
    let empty = try EvaluationReport(title: "x").html()
    #expect(ids(empty).isEmpty)
    #expect(empty.contains("Nothing was evaluated."))
    #expect(!empty.contains("<nav"))
  }

  @Test func `The page opens with the verdict and its numbers`() throws {
    let page = try SampleReports.full.html()
    let header = try #require(page.firstMatch(of: /(?s)<header.*?<\/header>/)).output
    for text in [
      "<h1>lolcats</h1>", "The student recovers 50.0 % of its teacher&#39;s accuracy",
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
    report.verdicts.append(
      Verdict(measure: evil, minimum: 1, maximum: nil, value: 2, origin: evil))
    let page = try report.html()
    #expect(!page.contains("<script>alert"))
    #expect(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;"))
    // Scripts are the program's own: the maps' data and what shows them.
    #expect(page.matches(of: /<script/).count == 2)
  }

  @Test func `A quote with a combining accent cannot leave an attribute`() throws {
    var report = SampleReports.full
    report.training[0].stage = "a\"\u{301} onload=\"alert(1)"
    let page = try report.html()
    #expect(!page.unicodeScalars.map(String.init).joined(separator: "|").contains("a|\"|\u{301}"))
    #expect(page.contains("a&quot;"))
  }

  @Test func `Every drawing has a title, a description and ids of its own`() throws {
    let page = try SampleReports.full.html()
    let drawings = page.matches(of: /<svg class="chart[^>]*>/).map { String($0.output) }
    #expect(drawings.count >= 20)
    for drawing in drawings {
      #expect(drawing.contains("role=\"img\""))
      let label = try #require(drawing.firstMatch(of: /aria-labelledby="(\S+) (\S+)"/))
      #expect(page.contains("<title id=\"\(label.1)\">"))
      #expect(page.contains("<desc id=\"\(label.2)\">"))
    }
    let all = page.matches(of: /\ id="([^"]+)"/).map { String($0.1) }
    #expect(Set(all).count == all.count)
  }

  @Test func `Tables have captions and headings with a scope`() throws {
    let page = try SampleReports.full.html()
    #expect(page.matches(of: /<table/).count == page.matches(of: /<caption>[^<]/).count)
    #expect(page.matches(of: /<th\ /).count == page.matches(of: /<th\ scope="(row|col)"/).count)
  }

  @Test func `The page loads nothing and has what keyboards and readers need`() throws {
    let page = try SampleReports.full.html()
    #expect(page.hasPrefix("<!doctype html>\n<html lang=\"en\">"))
    #expect(page.contains("default-src 'none'"))
    let addresses = page.matches(of: /(?:src|href)="([^"]*)"/).map { String($0.1) }
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
    let page = try report.html()
    #expect(page.utf8.count < 2_000_000)
    let shown = page.matches(of: /<option/).count
    #expect(shown > 150)
    #expect(page.matches(of: /<optgroup/).count == 32)
    #expect(page.contains("\(shown) of 1,024 maps are shown"))
  }

  @Test func `A recipe too long for the page is left to results`() throws {
    var report = SampleReports.full
    report.recipe = .array((0..<60_000).map { .string("step \($0) of a very long recipe indeed") })
    let page = try report.html()
    #expect(page.utf8.count < 2_000_000)
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
    let page = try report.html()
    let drawn = page.matches(of: /\ (?:d|x|y|width|height|fill-opacity)="([^"]*)"/)
    #expect(drawn.count > 100)
    for attribute in drawn {
      #expect(!attribute.1.contains("nan") && !attribute.1.contains("inf"), "\(attribute.1)")
    }
  }
}

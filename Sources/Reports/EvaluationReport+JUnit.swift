import Foundation
import Results

extension EvaluationReport {
  /// `junit.xml`: a case for each threshold and for each training stage. A missed threshold is a
  /// failure, a stage whose loss is no number an error.
  public var junit: String {
    let suites = [
      Suite(name: "thresholds", cases: verdicts.map(thresholdCase)),
      Suite(name: "stages", cases: training.map(stageCase)),
    ]
    let count = { (read: (Suite) -> Int) in suites.reduce(0) { $0 + read($1) } }
    var text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
    text += XML.open(
      "testsuites",
      [
        ("name", title), ("tests", "\(count(\.cases.count))"),
        ("failures", "\(count(\.failures))"), ("errors", "\(count(\.errors))"),
        ("skipped", "0"), ("time", XML.seconds(suites.reduce(0) { $0 + $1.seconds })),
      ])
    for suite in suites where !suite.cases.isEmpty {
      text +=
        "  "
        + XML.open(
          "testsuite",
          [
            ("name", suite.name), ("tests", "\(suite.cases.count)"),
            ("failures", "\(suite.failures)"), ("errors", "\(suite.errors)"), ("skipped", "0"),
            ("time", XML.seconds(suite.seconds)),
          ])
      for testCase in suite.cases { text += testCase.xml(suite: suite.name) }
      text += "  </testsuite>\n"
    }
    return text + "</testsuites>\n"
  }

  private struct Suite {
    var name: String
    var cases: [Case]
    var failures: Int { cases.filter { $0.outcome?.element == "failure" }.count }
    var errors: Int { cases.filter { $0.outcome?.element == "error" }.count }
    var seconds: Double { cases.reduce(0) { $0 + $1.seconds } }
  }

  private struct Case {
    var name: String
    var seconds = 0.0
    /// `failure` or `error`; nil when it passed.
    var outcome: (element: String, type: String, message: String)?
    var output: String?

    func xml(suite: String) -> String {
      var text =
        "    "
        + XML.open(
          "testcase",
          [
            ("classname", "linearize.\(suite)"), ("name", name), ("time", XML.seconds(seconds)),
          ])
      if let outcome {
        text +=
          "      "
          + XML.open(outcome.element, [("message", outcome.message), ("type", outcome.type)])
          .dropLast() + XML.escaped(outcome.message) + "</\(outcome.element)>\n"
      }
      if let output { text += "      <system-out>\(XML.escaped(output))</system-out>\n" }
      return text + "    </testcase>\n"
    }
  }

  private func thresholdCase(_ verdict: Verdict) -> Case {
    let origin = verdict.origin.map { " (\($0))" } ?? ""
    let value = verdict.value.map(Figures.significant)
    return Case(
      name: "\(verdict.measure) \(verdict.bounds)\(origin)",
      outcome: verdict.isKept
        ? nil
        : (
          "failure", value == nil ? "NotMeasured" : "ThresholdMissed",
          "\(verdict.measure) \(value.map { "is \($0)" } ?? "was not measured"), "
            + "expected \(verdict.bounds)\(origin)"
        ),
      output: value.map { "\(verdict.measure) = \($0)" })
  }

  private func stageCase(_ stage: TrainingCurve) -> Case {
    let loss = stage.points.last?.loss
    return Case(
      name: stage.stage, seconds: stage.seconds,
      outcome: loss?.isFinite == false
        ? (
          "error", "NonFiniteLoss",
          "the loss at step \(stage.points.last?.step ?? 0) is \(Figures.significant(loss ?? .nan))"
        ) : nil,
      output: stage.costSentence
        + (loss.map { " Last loss \(Figures.significant($0))." } ?? ""))
  }
}

/// The little of XML 1.0 that JUnit files and SVG need.
enum XML {
  /// `<name key="value" …>` and a line end.
  static func open(_ name: String, _ attributes: [(name: String, value: String)]) -> String {
    "<\(name)" + attributes.map { " \($0.name)=\"\(escaped($0.value))\"" }.joined() + ">\n"
  }

  /// For content and for attributes in quotes. Works on scalars: a quote with an accent on it is
  /// one character to Swift, and a quote all the same to a parser. Characters that XML 1.0 has no
  /// way to write are dropped.
  static func escaped(_ text: String) -> String {
    var result = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": result.append(contentsOf: "&amp;".unicodeScalars)
      case "<": result.append(contentsOf: "&lt;".unicodeScalars)
      case ">": result.append(contentsOf: "&gt;".unicodeScalars)
      case "\"": result.append(contentsOf: "&quot;".unicodeScalars)
      case "'": result.append(contentsOf: "&#39;".unicodeScalars)
      case "\n", "\t", "\r": result.append(scalar)
      case _ where scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value): continue
      case "\u{FFFE}", "\u{FFFF}": continue
      default: result.append(scalar)
      }
    }
    return String(result)
  }

  /// Seconds with milliseconds; 0 for what is no number.
  static func seconds(_ value: Double) -> String {
    String(format: "%.3f", value.isFinite ? value : 0)
  }
}

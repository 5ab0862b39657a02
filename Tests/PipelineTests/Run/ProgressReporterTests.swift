import Testing

@testable import Pipeline

/// A clock that the test moves and a sink that it reads.
private final class Scene {
  var time = 100.0
  var text = ""

  func reporter(_ style: ProgressReporter.Style) -> ProgressReporter {
    ProgressReporter(style: style, now: { self.time }, write: { self.text += $0 })
  }
}

@Suite struct ProgressReporterTests {
  @Test func `Away from a terminal a plain line comes at most every interval, and one at the end`()
  {
    let scene = Scene()
    var reporter = scene.reporter(.plain(interval: 30))
    reporter.begin(stage: "attention-transfer", totalSteps: 10)
    for step in 1...10 {
      scene.time += 10
      reporter.update(step: step, tokens: 1000, measures: [("loss", 100 / Double(step))])
    }
    reporter.end()
    #expect(
      scene.text == """
        attention-transfer 1/10  loss 100  100 tokens/s  1 min 30 s left
        attention-transfer 4/10  loss 25  100 tokens/s  1 min 00 s left
        attention-transfer 7/10  loss 14.29  100 tokens/s  30 s left
        attention-transfer 10/10  loss 10  100 tokens/s  in 1 min 40 s

        """)
  }

  @Test func `What counts no tokens has no tokens a second`() {
    let scene = Scene()
    var reporter = scene.reporter(.plain(interval: 30))
    reporter.begin(stage: "recall", totalSteps: 4)
    scene.time += 10
    reporter.update(step: 1, tokens: 0)
    reporter.end()
    #expect(scene.text == "recall 1/4  30 s left\n")
  }

  @Test func `A terminal's line is redrawn, cut to its width, and coloured only when wanted`() {
    let scene = Scene()
    var reporter = scene.reporter(.terminal(columns: 30, colour: false))
    reporter.begin(stage: "low-rank-adaptation", totalSteps: 2)
    scene.time += 5
    reporter.update(step: 1, tokens: 10, measures: [("loss", 3.14159)])
    reporter.log("saved")
    reporter.end()
    #expect(
      scene.text
        == "\rlow-rank-adaptation 1/2  loss\u{1B}[K\r\u{1B}[Ksaved\n")
    let coloured = Scene()
    reporter = coloured.reporter(.terminal(columns: 12, colour: true))
    reporter.begin(stage: "evaluate", totalSteps: 4)
    coloured.time += 1
    reporter.update(step: 1, tokens: 1)
    #expect(coloured.text == "\r\u{1B}[1mevaluate 1/\u{1B}[0m\u{1B}[K")
  }

  @Test func `The rate and the time left of a resumed stage count only what this run did`() {
    let scene = Scene()
    var reporter = scene.reporter(.plain(interval: 0))
    reporter.begin(stage: "evaluate", totalSteps: 100, firstStep: 90)
    scene.time += 4
    reporter.update(step: 92, tokens: 400)
    #expect(scene.text == "evaluate 92/100  100 tokens/s  16 s left\n")
  }

  @Test func `A quiet reporter says nothing`() {
    let scene = Scene()
    var reporter = scene.reporter(.quiet)
    reporter.begin(stage: "evaluate", totalSteps: 1)
    scene.time += 100
    reporter.update(step: 1, tokens: 1)
    reporter.log("message")
    reporter.end()
    #expect(scene.text.isEmpty)
  }

  @Test(arguments: [
    (0.2, "1 s"), (59, "59 s"), (61, "1 min 01 s"), (3599.5, "1 h 00 min"), (7260, "2 h 01 min"),
  ])
  func `Durations read as people say them`(_ seconds: Double, _ expected: String) {
    #expect(ProgressReporter.duration(seconds) == expected)
  }
}

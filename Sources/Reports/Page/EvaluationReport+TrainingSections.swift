import Foundation
import Results

/// Sections on what the memory is worth and how it was trained.
extension EvaluationReport {
  var linearSection: SectionView? {
    guard let linear = linearShare else { return nil }
    var section = SectionView(
      id: "memory", heading: "The memory", lead: linear.sentence)
    if let recallSentence { section.append(paragraph: recallSentence) }
    if let share = linear.share, share.isFinite, let teacherLoss = linear.teacherLoss {
      let perplexity = { (loss: Double) in Figures.decimals(exp(loss)) }
      let untrained = linear.untrainedLoss.map {
        (linear.withoutLinearLoss - $0) / (linear.withoutLinearLoss - teacherLoss)
      }
      let chart = GapBar(
        title: "Share of the gap in loss that the memory closes",
        description: "From the student without its memory, perplexity "
          + "\(perplexity(linear.withoutLinearLoss)), to the teacher, "
          + "\(perplexity(teacherLoss)): the student stands at \(Figures.percent(share)).",
        share: share, untrained: untrained,
        startLabel: "without its memory: \(perplexity(linear.withoutLinearLoss))",
        endLabel: "teacher: \(perplexity(teacherLoss))",
        studentLabel: "student: \(perplexity(linear.studentLoss))"
          + (linear.isGainCertain ? ", \(Figures.percent(share)) of the way" : ""),
        untrainedLabel: linear.untrainedLoss.map {
          "untrained window with sinks: \(perplexity($0))"
        } ?? "")
      section.append(figures: [
        FigureView(
          chart, id: "gap", caption: "From the window alone to the teacher",
          detail: "by loss; the numbers are perplexities")
      ])
    }
    var rows = [
      (
        key: "Loss gained over the window alone, nats a token",
        value: difference(linear.gain, linear.gainStandardError)
      )
    ]
    if let gain = linear.gainOverUntrained {
      rows.append(
        (
          key: "Loss gained over the untrained window with sinks, nats a token",
          value: difference(gain, linear.gainOverUntrainedStandardError)
        ))
    }
    section.append(
      table: TableView(rows, caption: "Mean over the same windows of text, ± standard error"))
    return section
  }

  func difference(_ mean: Double, _ error: Double?) -> String {
    Figures.decimals(mean) + (error.map { " ± \(Figures.decimals($0))" } ?? "")
  }

  var trainingSection: SectionView? {
    let stages = training.filter { !$0.points.isEmpty }
    guard let cost, !stages.isEmpty else { return nil }
    var section = SectionView(
      id: "training", heading: "Loss while training",
      lead: "\(Figures.plural(cost.steps, "step")) on \(Figures.count(cost.tokens)) tokens in "
        + "\(Figures.duration(cost.seconds)).")
    let isPaired = stages.count > 1
    section.append(
      figures: stages.enumerated().map { index, stage in
        FigureView(
          stage.chart, id: "stage-\(index)", caption: stage.stage, detail: stage.costSentence,
          width: isPaired ? 458 : 940)
      }, layout: isPaired ? "two" : "one")
    for stage in stages {
      var table = TextTable(["step", "loss", "learning rate", "gradient norm"])
      for point in stage.thinned(to: 40) {
        table.append([
          Figures.count(point.step), Figures.significant(point.loss),
          point.learningRate.map(Figures.significant) ?? "",
          point.gradientNorm.map(Figures.significant) ?? "",
        ])
      }
      section.append(
        details: "Numbers of \(stage.stage)", table: TableView(table, caption: stage.stage))
    }
    return section
  }
}

extension TrainingCurve {
  /// Losses span decades in a transfer and a few percent in fine-tuning.
  fileprivate var chart: LineChart {
    let losses = points.map(\.loss).filter { $0.isFinite && $0 > 0 }
    let span = (losses.max() ?? 1) / (losses.min() ?? 1)
    let kind: Scale.Kind = losses.count == points.count && span > 4 ? .logarithmic : .linear
    let line = { (name: String, color: String, points: [Point], hasMarks: Bool) in
      LineChart.Series(
        name: name, style: SeriesStyle(name: color, shape: .circle),
        points: points.map { .init(x: Double($0.step), y: $0.loss) }, showsMarks: hasMarks)
    }
    let ends = [points.first, points.last].compactMap(\.self).map {
      "\(Figures.significant($0.loss)) at step \($0.step)"
    }
    return LineChart(
      title: "Loss of \(stage)", description: "The loss is \(ends.joined(separator: " and ")).",
      x: AxisSpecification(label: "step"),
      y: AxisSpecification(
        label: "loss" + (kind == .logarithmic ? ", logarithmic" : ""), kind: kind),
      series: [line("training", "teacher", points, false)]
        + (validation.isEmpty ? [] : [line("validation", "student", validation, true)]),
      height: 260)
  }
}

import Foundation
import Results

extension ReportComparison {
  /// One self-contained page, of the same templates as a run's report.
  ///
  /// - Throws: a template's parser error: a mistake of this module.
  public func html() throws -> String {
    var page = PageView(
      windowTitle: "Comparison of \(Figures.plural(runs.count, "run"))", eyebrow: "Comparison",
      heading: runs.map(\.label).joined(separator: " · "), verdict: headline,
      footer: "Made by linearize. This page is one file, loads nothing and sends nothing.")
    page.sections =
      [
        section("measures", "At a glance", "student"), trainingSection, fidelitySection,
        taskSection, recallSection, positionSection, speedSection, differenceSection,
      ].compactMap(\.self)
    return try PageTemplates.render(page)
  }

  private func section(_ id: String, _ heading: String, _ group: String) -> SectionView? {
    guard rows.contains(where: { $0.group == group }) else { return nil }
    var section = SectionView(id: id, heading: heading)
    if id == "measures" {
      if !remarks.isEmpty {
        section.append(
          paragraph: "Some values (~) stand apart and are not compared. "
            + remarks.joined(separator: " "))
      }
    }
    section.append(
      table: table(
        group,
        caption: "● best of its row, ~ not comparable"))
    return section
  }

  private func table(_ group: String, caption: String) -> TableView {
    TableView(
      caption: caption, name: "stacked",
      headings: (["measure"] + runs.map(\.label)).map { .init(words: $0) },
      rows: rows.filter { $0.group == group }.map { row in
        .init(
          heading: "\(row.name) \(row.higherIsBetter ? "↑" : "↓")",
          cells: row.cells.map { cell in
            guard let cell else { return .init(words: "") }
            return .init(
              words: row.format(cell.value) + (cell.isComparable ? "" : " ~"),
              error: cell.standardError.map(row.format),
              name: cell.isBest ? "best" : cell.isComparable ? "" : "apart")
          })
      })
  }

  private func style(_ index: Int) -> SeriesStyle {
    let shapes: [SeriesStyle.Shape] = [.square, .circle, .diamond, .ring, .triangle, .cross]
    return SeriesStyle(
      name: "run-\(index % 6)", shape: shapes[index % 6], isDashed: index / 6 % 2 == 1)
  }

  /// A line for each run that has points.
  private func lines(
    marks: Bool = true, _ points: (EvaluationReport) -> [LineChart.Point]
  ) -> [LineChart.Series] {
    runs.enumerated().compactMap { index, run in
      let points = points(run.report)
      return points.isEmpty
        ? nil
        : .init(name: run.label, style: style(index), points: points, showsMarks: marks)
    }
  }

  private func ends(_ series: [LineChart.Series]) -> String {
    series.map { line in
      let ends = [line.points.first, line.points.last].compactMap(\.self).map {
        Figures.significant($0.y)
      }
      return "\(line.name): \(ends.joined(separator: " to "))"
    }.joined(separator: "; ") + "."
  }

  private var trainingSection: SectionView? {
    var stages: [String] = []
    for stage in runs.flatMap(\.report.training) where !stages.contains(stage.stage) {
      stages.append(stage.stage)
    }
    let figures = stages.enumerated().compactMap { index, stage -> FigureView? in
      let series = lines(marks: false) { report in
        (report.training.first { $0.stage == stage }?.points ?? []).map {
          .init(x: Double($0.step), y: $0.loss)
        }
      }
      if series.isEmpty { return nil }
      let losses = series.flatMap(\.points).map(\.y).filter { $0.isFinite && $0 > 0 }
      let isWide = (losses.max() ?? 1) > 4 * (losses.min() ?? 1)
      let chart = LineChart(
        title: "Loss of \(stage)", description: ends(series), x: AxisSpecification(label: "step"),
        y: AxisSpecification(
          label: isWide ? "loss, logarithmic" : "loss", kind: isWide ? .logarithmic : .linear),
        series: series, height: 260)
      return FigureView(
        chart, id: "stage-\(index)", caption: stage, width: stages.count > 1 ? 458 : 940)
    }
    if figures.isEmpty { return nil }
    var section = SectionView(
      id: "training", heading: "Loss while training",
      lead: "Losses of different objectives are not comparable, whatever their size.")
    section.append(figures: figures, layout: figures.count > 1 ? "two" : "one")
    return section
  }

  private var fidelitySection: SectionView? {
    let series = lines { report in
      (report.fidelity?.layers ?? []).filter { !$0.heads.isEmpty }.map {
        .init(x: Double($0.index), y: $0.mean.divergence)
      }
    }
    if series.isEmpty { return nil }
    var section = SectionView(id: "fidelity", heading: "Fidelity, layer by layer")
    let chart = LineChart(
      title: "KL of attention by layer", description: ends(series),
      x: AxisSpecification(label: "layer"),
      y: AxisSpecification(label: "KL, nats a row, logarithmic", kind: .logarithmic),
      series: series)
    section.append(figures: [
      FigureView(chart, id: "layers", caption: "Divergence of attention", detail: "mean over heads")
    ])
    return section
  }

  private var taskSection: SectionView? {
    guard var section = section("tasks", "Tasks", "tasks") else { return nil }
    let names = rows.filter { $0.group == "tasks" }
    let accuracies = names.filter { $0.higherIsBetter }
    let chart = DotChart(
      title: "Accuracy by task", description: headline,
      axis: AxisSpecification(label: "accuracy", format: Figures.percentTick),
      rows: accuracies.map { row in
        .init(
          label: row.name,
          dots: row.cells.enumerated().compactMap { index, cell in
            guard let cell, cell.isComparable else { return nil }
            let error = cell.standardError ?? 0
            return .init(
              name: runs[index].label, style: style(index), value: cell.value,
              low: cell.value - error, high: cell.value + error)
          })
      }, legend: runs.enumerated().map { ($0.element.label, style($0.offset)) })
    if !accuracies.isEmpty {
      section.blocks.insert(
        BlockView(
          figures: FiguresView(
            layout: "one",
            members: [
              FigureView(
                chart, id: "task-dots", caption: "Accuracy",
                detail: "bars are one standard error; only comparable values")
            ])), at: 0)
    }
    return section
  }

  private var recallSection: SectionView? {
    guard var section = section("recall", "Recall from the context", "recall") else { return nil }
    var kinds: [String] = []
    for result in runs.flatMap({ $0.report.subject?.recall ?? [] })
    where !kinds.contains(result.kind) { kinds.append(result.kind) }
    let figures = kinds.enumerated().map { index, kind in
      let series = lines { report in
        (report.subject?.recall ?? []).filter { $0.kind == kind }.sorted { $0.length < $1.length }
          .map { .init(x: Double($0.length), y: $0.accuracy, error: $0.standardError) }
      }
      let lengths = Set(series.flatMap(\.points).map(\.x)).sorted()
      let chart = LineChart(
        title: RecallResult.title(of: kind), description: ends(series),
        x: AxisSpecification(
          label: "tokens of context", kind: .logarithmic, ticks: lengths,
          format: Figures.contextTick),
        y: AxisSpecification(
          label: "right", includesZero: true, ticks: [0, 0.25, 0.5, 0.75, 1],
          format: Figures.percentTick),
        series: series, height: 280)
      return FigureView(
        chart, id: "recall-\(index)", caption: RecallResult.title(of: kind).capitalizedFirst,
        width: kinds.count > 1 ? 458 : 940)
    }
    section.blocks.insert(
      BlockView(
        figures: FiguresView(layout: kinds.count > 1 ? "two" : "one", members: figures)), at: 0)
    return section
  }

  private var positionSection: SectionView? {
    let series = lines { report in
      (report.subject?.text?.positions ?? []).map {
        .init(
          x: (Double(max($0.first, 1)) * Double(max($0.end - 1, 1))).squareRoot(), y: $0.perplexity)
      }
    }
    if series.allSatisfy({ $0.points.count < 2 }) { return nil }
    let longest =
      runs.compactMap { $0.report.subject?.text?.positions }
      .max { $0.count < $1.count } ?? []
    var section = SectionView(id: "position", heading: "Perplexity by position")
    let chart = LineChart(
      title: "Perplexity by tokens of context", description: ends(series),
      x: AxisSpecification(
        label: "tokens of context", kind: .logarithmic, ticks: longest.map { Double($0.first) },
        format: Figures.contextTick),
      y: AxisSpecification(label: "perplexity, logarithmic", kind: .logarithmic),
      series: series, height: 320)
    section.append(figures: [FigureView(chart, id: "positions", caption: "Perplexity")])
    return section
  }

  private var speedSection: SectionView? {
    guard var section = section("speed", "Speed and cost", "cost") else { return nil }
    let series = lines { report in
      ComparisonRows.points(report).map { .init(x: Double($0.length), y: $0.decodeTokensPerSecond) }
    }
    if series.isEmpty { return section }
    let chart = LineChart(
      title: "Decoding speed by context", description: ends(series),
      x: AxisSpecification(
        label: "tokens of context", kind: .logarithmic,
        ticks: Set(series.flatMap(\.points).map(\.x)).sorted(), format: Figures.contextTick),
      y: AxisSpecification(label: "tokens a second", includesZero: true), series: series)
    section.blocks.insert(
      BlockView(
        figures: FiguresView(
          layout: "one", members: [FigureView(chart, id: "decode", caption: "Decoding")])), at: 0)
    return section
  }

  private var differenceSection: SectionView? {
    if runs.isEmpty { return nil }
    var section = SectionView(id: "runs", heading: "The runs")
    section.append(
      table: TableView(runs.map { ($0.label, $0.results.path) }, caption: "Where they are"))
    for (run, lines) in recipeDifferences {
      section.append(
        details: "\(run.label): what its recipe has differently from \(runs[0].label)'s",
        code: lines.joined(separator: "\n"))
    }
    return section
  }
}

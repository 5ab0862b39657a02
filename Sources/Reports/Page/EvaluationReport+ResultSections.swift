import Foundation
import Results

/// Sections on what the models can do.
extension EvaluationReport {
  var ablationSection: SectionView? {
    let rows = textVariants
    guard !rows.isEmpty else { return nil }
    var section = SectionView(
      id: "ablation", heading: rows.count > 2 ? "With parts switched off" : "Held-out text",
      lead: rows.count > 2
        ? "What each part is worth: the same text read with parts of the student switched off, and "
          + "by the untrained teacher within the student's window." : textSentence)
    if rows.count > 2, let textSentence { section.append(paragraph: textSentence) }
    let teacher = self[.teacher]?.text
    if rows.count > 1 {
      let chart = DotChart(
        title: "Perplexity of every variant",
        description: rows.map {
          "\($0.variant.variant.title) \(Figures.decimals($0.text.perplexity))"
        }.joined(separator: ", ") + ".",
        axis: AxisSpecification(label: "perplexity, logarithmic", kind: .logarithmic),
        rows: rows.map { variant, text in
          let error = text.lossStandardError ?? 0
          return .init(
            label: variant.variant.title,
            dots: [
              .init(
                name: variant.variant.title, style: variant.variant.style, value: text.perplexity,
                low: exp(text.meanLoss - error), high: exp(text.meanLoss + error))
            ], value: Figures.decimals(text.perplexity))
        }, rule: teacher.map { ($0.perplexity, "") })
      section.append(figures: [
        FigureView(
          chart, id: "ablation-dots", caption: "Perplexity",
          detail: "less is better; bars are one standard error of the loss")
      ])
    }
    section.append(
      table: TableView(
        caption: "Perplexity, loss (nats a token) and most probable token right",
        headings: ["model", "perplexity", "ratio", "loss", "top-1", "tokens/s"].map {
          .init(words: $0)
        },
        rows: rows.map { variant, text in
          .init(
            heading: variant.variant.title,
            detail: variant.detail.isEmpty ? nil : variant.detail,
            cells: [
              .init(words: Figures.decimals(text.perplexity)),
              .init(words: teacher.map { Figures.decimals(text.perplexity / $0.perplexity) } ?? ""),
              .init(
                words: Figures.decimals(text.meanLoss),
                error: text.lossStandardError.map(Figures.decimals)),
              .init(words: Figures.percent(text.accuracy)),
              .init(words: Figures.rate(text.tokensPerSecond)),
            ], name: variant.variant == .student ? "subject" : "")
        }))
    return section
  }

  var taskSection: SectionView? {
    let columns = variants.filter { !$0.tasks.isEmpty }
    guard let tasks = subject?.tasks, !tasks.isEmpty else { return nil }
    var section = SectionView(id: "tasks", heading: "Tasks", lead: taskNote)
    let chart = DotChart(
      title: "Accuracy by task",
      description: tasks.compactMap { task in
        task.accuracy.map { "\(task.name) \(Figures.percent($0.value))" }
      }.joined(separator: ", ") + " for the \(subject?.variant.title ?? "model").",
      axis: AxisSpecification(label: "accuracy", format: Figures.percentTick),
      rows: tasks.compactMap { taskRow($0, columns) },
      legend: columns.map { ($0.variant.title, $0.variant.style) })
    if !chart.rows.isEmpty {
      section.append(figures: [
        FigureView(
          chart, id: "task-dots", caption: "Accuracy",
          detail: "bars are one standard error, the grey tick is chance")
      ])
    }
    section.append(table: taskView(tasks, columns))
    return section
  }

  private func taskRow(_ task: TaskResult, _ columns: [VariantResult]) -> DotChart.Row? {
    guard let accuracy = task.accuracy else { return nil }
    return .init(
      label: "\(task.name), \(accuracy.name)",
      dots: columns.compactMap { column in
        guard
          let metric = column.tasks.first(where: { $0.name == task.name })?.metric(accuracy.name)
        else { return nil }
        let isMain = column.variant == .teacher || column.variant == .student
        let error = metric.standardError ?? 0
        return .init(
          name: column.variant.title, style: column.variant.style, value: metric.value,
          low: metric.value - error, high: metric.value + error, isMinor: !isMain)
      }, reference: task.chance)
  }

  private func taskView(_ tasks: [TaskResult], _ columns: [VariantResult]) -> TableView {
    var view = TableView(
      caption: "Scores with their standard errors; the arrow says where better is", name: "stacked",
      headings: (["task", "chance"] + columns.map(\.variant.shortTitle)).map { .init(words: $0) })
    for task in tasks {
      for metric in task.metrics {
        let isAccuracy = metric.name == "acc" || metric.name == "acc_norm"
        view.rows.append(
          .init(
            heading: task.name,
            detail: "\(metric.name) \(metric.higherIsBetter ? "↑" : "↓")"
              + (task.shots > 0 ? ", \(Figures.plural(task.shots, "shot"))" : ""),
            cells: [.init(words: isAccuracy ? task.chance.map(Figures.score) ?? "" : "")]
              + columns.map { column in
                let other = column.tasks.first { $0.name == task.name }?.metric(metric.name)
                return .init(
                  words: other.map { Figures.score($0.value) } ?? "",
                  error: other?.standardError.map(Figures.score),
                  name: column.variant == .student ? "subject" : "")
              }))
      }
    }
    return view
  }

  var recallSection: SectionView? {
    let columns = variants.filter { !$0.recall.isEmpty }
    let rows = recallRows
    guard !rows.isEmpty else { return nil }
    var section = SectionView(
      id: "recall", heading: "Recall from the context",
      lead: "Share of queries answered with every token right, over the length of the context.")
    var kinds: [String] = []
    for row in rows where !kinds.contains(row.kind) { kinds.append(row.kind) }
    section.append(
      figures: kinds.enumerated().map { index, kind in
        let lengths = rows.filter { $0.kind == kind }.map { Double($0.length) }
        let chart = LineChart(
          title: RecallResult.title(of: kind),
          description: columns.map { column in
            let ends = column.recall.filter { $0.kind == kind }.sorted { $0.length < $1.length }
            return column.variant.title + ": "
              + ends.map { "\(Figures.percent($0.accuracy)) at \(Figures.count($0.length))" }
              .joined(separator: ", ")
          }.joined(separator: "; ") + ".",
          x: AxisSpecification(
            label: "tokens of context", kind: .logarithmic, ticks: lengths,
            format: Figures.contextTick),
          y: AxisSpecification(
            label: "right", includesZero: true, ticks: [0, 0.25, 0.5, 0.75, 1],
            format: Figures.percentTick),
          series: columns.map { column in
            LineChart.Series(
              name: column.variant.shortTitle, style: column.variant.style,
              points: column.recall.filter { $0.kind == kind }.sorted { $0.length < $1.length }
                .map { .init(x: Double($0.length), y: $0.accuracy, error: $0.standardError) })
          }, height: 280)
        return FigureView(
          chart, id: "recall-\(index)",
          caption: RecallResult.title(of: kind).capitalizedFirst,
          detail: "bars are one standard error", width: kinds.count > 1 ? 458 : 940)
      }, layout: kinds.count > 1 ? "two" : "one")
    section.append(
      details: "Numbers of recall",
      table: TableView(recallTable, caption: "Queries answered right, ± standard error"))
    return section
  }

  var positionSection: SectionView? {
    let columns = textVariants.filter { $0.text.positions.count > 1 }
    guard let student = columns.first(where: { $0.variant.variant == subject?.variant }) else {
      return nil
    }
    // Variants that lost everything would press the others into one line.
    let shown = columns.filter { $0.text.perplexity <= 4 * student.text.perplexity }
    let hidden = columns.filter { $0.text.perplexity > 4 * student.text.perplexity }
    var section = SectionView(
      id: "position", heading: "Perplexity by position",
      lead: "A model that uses its context predicts better the more of it there is.")
    let chart = LineChart(
      title: "Perplexity by tokens of context",
      description: shown.map { variant, text in
        "\(variant.variant.title): from \(Figures.decimals(text.positions[0].perplexity)) to "
          + Figures.decimals(text.positions[text.positions.count - 1].perplexity)
      }.joined(separator: "; ") + ".",
      x: AxisSpecification(
        label: "tokens of context", includesZero: true),
      y: AxisSpecification(label: "perplexity, logarithmic", kind: .logarithmic),
      series: shown.map { variant, text in
        LineChart.Series(
          name: variant.variant.shortTitle, style: variant.variant.style,
          points: text.positions.map {
            .init(
              x: Double($0.first + $0.end) / 2,
              y: $0.perplexity)
          })
      }, height: 340)
    section.append(figures: [
      FigureView(
        chart, id: "positions", caption: "Perplexity",
        detail: hidden.isEmpty
          ? nil
          : "not drawn, far above: \(hidden.map(\.variant.variant.title).joined(separator: "; "))")
    ])
    section.append(
      details: "Numbers by position",
      table: TableView(positionTable, caption: "Perplexity by tokens of context"))
    return section
  }
}

extension TaskResult {
  /// `acc_norm` where there is one, else `acc`.
  var accuracy: Metric? { metric("acc_norm") ?? metric("acc") }
}

extension String {
  var capitalizedFirst: String { prefix(1).uppercased() + dropFirst() }
}

import Foundation
import Results

/// Sections on cost, gates and how to repeat.
extension EvaluationReport {
  var speedSection: SectionView? {
    guard let speed, !(speed.teacher + speed.student).isEmpty else { return nil }
    var section = SectionView(
      id: "speed", heading: "Speed and memory", lead: speed.sentence)
    let charts: [(id: String, caption: String, detail: String?, chart: LineChart)] = [
      (
        "decode", "Decoding", speed.decodeCrossover.map { "ahead from \(Figures.count($0))" },
        speedChart(
          "decoding, tokens a second", speed, speed.decodeCrossover, Figures.tick,
          \.decodeTokensPerSecond)
      ),
      (
        "prefill", "Reading a prompt",
        speed.prefillCrossover.map { "ahead from \(Figures.count($0))" },
        speedChart(
          "reading, tokens a second", speed, speed.prefillCrossover, Figures.tick,
          \.prefillTokensPerSecond)
      ),
      (
        "state", "State in memory",
        speed.memoryCrossover.map { "smaller from \(Figures.count($0))" },
        speedChart("bytes, logarithmic", speed, speed.memoryCrossover, Figures.byteTick, \.bytes)
      ),
    ]
    section.append(
      figures: charts.map {
        FigureView(
          $0.chart, id: "speed-\($0.id)", caption: $0.caption,
          detail: speed.pairs.isEmpty ? nil : $0.detail, width: 300)
      }, layout: "three")
    for remark in speedRemarks { section.append(paragraph: remark) }
    section.append(
      details: "Numbers of speed and memory",
      table: TableView(speed.table, caption: "By tokens of context"))
    return section
  }

  var cacheSection: SectionView? {
    guard let cache else { return nil }
    var section = SectionView(
      id: "cache", heading: "Memory of what was read", lead: cache.sentence)
    section.append(
      table: TableView(cache.table, caption: "Bytes of all layers' memories, counted from shapes"))
    return section
  }

  private func speedChart(
    _ label: String, _ speed: SpeedResult, _ crossover: Int?,
    _ format: @escaping @Sendable (Double) -> String, _ path: KeyPath<SpeedResult.Point, Double>
  ) -> LineChart {
    let isBytes = path == \SpeedResult.Point.bytes
    let models = [
      ("teacher", ModelVariant.teacher, speed.teacher), ("student", .student, speed.student),
    ]
    .filter { !$0.2.isEmpty }
    // Before the first length measured for both there is nothing to cross.
    let rule = crossover.flatMap { $0 > speed.pairs.first?.student.length ?? $0 ? $0 : nil }
    return LineChart(
      title: label.capitalizedFirst,
      description: models.map { name, _, points in
        "\(name): "
          + [points.first, points.last].compactMap(\.self).map {
            "\(format($0[keyPath: path].rounded())) at \(Figures.count($0.length)) tokens"
          }.joined(separator: ", ")
      }.joined(separator: "; ") + ".",
      x: AxisSpecification(
        label: "tokens of context", kind: .logarithmic,
        ticks: speedLengths.map(Double.init), format: Figures.contextTick),
      y: AxisSpecification(
        label: label, kind: isBytes ? .logarithmic : .linear, includesZero: !isBytes,
        format: format),
      series: models.map { name, variant, points in
        LineChart.Series(
          name: name, style: variant.style,
          points: points.map { .init(x: Double($0.length), y: $0[keyPath: path]) })
      }, rules: rule.map { [.init(x: Double($0), label: Figures.contextTick(Double($0)))] } ?? [],
      height: 280)
  }

  var thresholdSection: SectionView? {
    guard let sentence = thresholdSentence else { return nil }
    var section = SectionView(id: "thresholds", heading: "Thresholds", lead: sentence)
    section.append(
      table: TableView(
        caption: "Bounds, and the values held to them",
        headings: ["measure", "value", "verdict"].map { .init(words: $0) },
        rows: verdicts.map { verdict in
          .init(
            heading: verdict.measure,
            detail: verdict.bounds + (verdict.origin.map { " (\($0))" } ?? ""),
            cells: [
              .init(words: verdict.value.map(Figures.significant) ?? "not measured"),
              .init(
                words: verdict.isKept ? "✓ kept" : "✕ missed",
                name: verdict.isKept ? "verdict-kept" : "verdict-missed"),
            ])
        }))
    return section
  }

  var sampleSection: SectionView? {
    guard let tasks = subject?.tasks, !tasks.isEmpty else { return nil }
    var section = SectionView(
      id: "samples", heading: "Samples",
      lead: sampleSentence ?? "Every sample of every task was scored whole.")
    section.append(
      table: TableView(
        caption: "Samples of each task",
        headings: ["task", "there are", "scored", "not scored", "cut to fit", "shots"].map {
          .init(words: $0)
        },
        rows: tasks.map { task in
          .init(
            heading: task.name,
            cells: [
              task.availableSamples, task.samples, task.availableSamples - task.samples,
              task.truncatedSamples, task.shots,
            ].map { .init(words: Figures.count($0)) })
        }))
    return section
  }

  /// What was asked for and not measured, and why.
  var noteSection: SectionView? {
    if notes.isEmpty { return nil }
    var section = SectionView(id: "notes", heading: "Not measured")
    for note in notes { section.append(paragraph: note.capitalizedFirst) }
    return section
  }

  func repeatSection(showsRecipe: Bool) -> SectionView? {
    let hashes = (subject?.tasks ?? []).filter { !$0.samplesHash.isEmpty }.map {
      (key: "samples of \($0.name), SHA-256", value: $0.samplesHash)
    }
    let text = textHash.map { [(key: "held-out text, SHA-256", value: $0)] } ?? []
    let rows = provenanceRows + text + hashes
    if commands.isEmpty, rows.isEmpty, recipe == nil { return nil }
    var section = SectionView(id: "repeat", heading: "How to repeat")
    if !commands.isEmpty {
      section.append(code: commands.joined(separator: "\n"), label: "Commands")
    }
    if !rows.isEmpty { section.append(table: TableView(rows, caption: "Made with")) }
    if let recipe {
      if showsRecipe {
        section.append(details: "Recipe, with every default", code: recipe.pretty)
      } else {
        section.append(
          paragraph: "The recipe is too long for this page; it is in results.json, under "
            + "linearize.recipe.")
      }
    }
    return section
  }
}

extension SpeedResult.Point {
  fileprivate var bytes: Double { Double(stateBytes) }
}

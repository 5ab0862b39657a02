import Results

/// The section on how layers were chosen.
extension EvaluationReport {
  var selectionSection: SectionView? {
    guard let selection else { return nil }
    var section = SectionView(
      id: "selection", heading: "Layers that keep softmax", lead: selection.sentence)
    for note in selection.notes { section.append(paragraph: note) }
    section.append(
      figures: [
        FigureView(
          chart(
            "Lost without the layer", selection.removed, selection,
            description: "made linear alone"),
          id: "selection-removed", caption: "Lost without the layer",
          detail: "made linear alone (\(selection.linear)); lines mark the chosen", width: 940)
      ])
    if let first = selection.rounds.first, first.candidates.count > 1 {
      section.append(figures: [
        FigureView(
          chart(
            "Left lost with the layer restored", first.candidates, selection,
            description: "restored alone"),
          id: "selection-restored", caption: "Left lost with the layer restored",
          detail: "no other has softmax; less is better", width: 940)
      ])
    }
    section.append(
      details: "Numbers by layer",
      table: TableView(
        selection.table, caption: "Scores of each layer, and in which order it was chosen"))
    return section
  }

  /// A line for all measures together, and one for each.
  private func chart(
    _ title: String, _ candidates: [SelectionResult.Candidate], _ selection: SelectionResult,
    description: String
  ) -> LineChart {
    let measures: [(String, SeriesStyle, KeyPath<SelectionResult.Measures, Double?>)] = [
      ("predictions", SeriesStyle(name: "window", shape: .triangle, isDashed: true), \.divergence),
      ("recall", SeriesStyle(name: "linear", shape: .diamond, isDashed: true), \.recallLoss),
      ("passkeys", SeriesStyle(name: "untrained", shape: .ring, isDashed: true), \.passkeyLoss),
    ]
    let parts = measures.compactMap { name, style, path -> LineChart.Series? in
      guard let low = selection.teacher[keyPath: path] ?? (path == \.divergence ? 0 : nil),
        let high = selection.without[keyPath: path], high > low
      else { return nil }
      return LineChart.Series(
        name: name, style: style,
        points: candidates.compactMap { candidate in
          candidate.measures[keyPath: path].map {
            .init(x: Double(candidate.layer), y: ($0 - low) / (high - low))
          }
        })
    }
    let together = LineChart.Series(
      name: "together", style: SeriesStyle(name: "student", shape: .circle),
      points: candidates.map { .init(x: Double($0.layer), y: $0.cost) })
    let extreme = candidates.max { $0.cost < $1.cost }
    return LineChart(
      title: title,
      description: "Each layer \(description). Most for layer \(extreme?.layer ?? 0), "
        + "\(Figures.percent(extreme?.cost ?? 0)) of what is lost without any softmax.",
      x: AxisSpecification(label: "layer"),
      y: AxisSpecification(
        label: "part of what is lost without any softmax", includesZero: true,
        format: Figures.percentTick),
      series: parts.count == 1 ? [together] : parts + [together],
      rules: selection.chosen.map { .init(x: Double($0), label: "\($0)") }, height: 300)
  }
}

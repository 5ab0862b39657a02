import Results

extension ReportComparison {
  /// For a terminal: the best of a row has a star, values that stand apart a tilde.
  public var terminalTable: String {
    var text = table.terminal
    text += "\n\(headline)\n"
    if rows.contains(where: { $0.cells.contains { $0?.isBest == true } }) {
      text += "* best of its row.\n"
    }
    if !remarks.isEmpty { text += "~ stands apart and is not compared:\n" }
    return text + remarks.map { "  \($0)\n" }.joined()
  }

  /// The comparison as Markdown: headline, table, remarks and the runs' files.
  public var markdown: String {
    var text = "# Comparison of \(Figures.plural(runs.count, "run"))\n\n**\(headline)**\n\n"
    text += table.markdown + "\n\\* best of its row.\n\n"
    if !remarks.isEmpty { text += "~ stands apart and is not compared:\n\n" }
    for remark in remarks { text += "- \(remark)\n" }
    if !remarks.isEmpty { text += "\n" }
    text += "## Runs\n\n"
    for run in runs { text += "- \(run.label): `\(run.results.path)`\n" }
    for (run, lines) in recipeDifferences {
      text += "\n### \(run.label) differs from \(runs[0].label)\n\n"
      for line in lines { text += "- `\(line)`\n" }
    }
    return text
  }

  private var table: TextTable {
    var table = TextTable(["measure"] + runs.map(\.label))
    for row in rows {
      table.append(
        ["\(row.name) \(row.higherIsBetter ? "↑" : "↓")"]
          + row.cells.map { cell in
            guard let cell else { return "" }
            return row.format(cell.value) + (cell.isBest ? " *" : cell.isComparable ? "" : " ~")
          })
    }
    return table
  }

  /// What each run's recipe has differently from the first run's; only runs with a recipe.
  var recipeDifferences: [(run: Run, lines: [String])] {
    guard let first = runs.first?.report.recipe else { return [] }
    return runs.dropFirst().compactMap { run in
      guard let lines = run.report.recipe?.differences(from: first), !lines.isEmpty else {
        return nil
      }
      return (run, lines)
    }
  }
}

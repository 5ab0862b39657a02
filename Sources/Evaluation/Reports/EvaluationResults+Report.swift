import Documents

extension EvaluationResults {
  /// What stands at the end of a run on the terminal: numbers, then the verdict.
  public var terminalTable: String {
    var text = measureTable.terminal
    if !verdicts.isEmpty { text += "\n" + verdictTable.terminal }
    if let verdictSentence { text += "\n\(verdictSentence)\n" }
    return text
  }

  /// `report.md`.
  public var markdown: String {
    var text = "# \(title)\n\n"
    if let verdictSentence { text += "**\(verdictSentence)**\n\n" }
    text += "## Results\n\n\(measureTable.markdown)\n"
    if let scored = (student ?? teacher)?.scoredTokens, let windows = (student ?? teacher)?.windows
    {
      text +=
        "Perplexity is that of \(Figures.count(scored)) tokens in \(Figures.count(windows.count)) "
        + "sequences; the first token of each is not scored.\n\n"
    }
    if !verdicts.isEmpty { text += "## Thresholds\n\n\(verdictTable.markdown)\n" }
    if !transferLossByLayer.isEmpty {
      text += "## Attention transfer by layer\n\n\(layerTable.markdown)\n"
    }
    if !training.isEmpty { text += trainingSection }
    text += "## How to repeat\n\n"
    if !commands.isEmpty { text += "```\n\(commands.joined(separator: "\n"))\n```\n\n" }
    text += provenanceTable.markdown
    return text
  }

  private var verdictSentence: String? {
    if verdicts.isEmpty { return nil }
    let missed = verdicts.filter { !$0.isKept }
    if missed.isEmpty {
      return verdicts.count == 1
        ? "The threshold was kept." : "All \(verdicts.count) thresholds were kept."
    }
    return "Missed \(missed.count) of \(verdicts.count) thresholds: "
      + missed.map(\.measure).joined(separator: ", ") + "."
  }

  private var measureTable: TextTable {
    let models = [("teacher", teacher), ("student", student)].filter { $0.1 != nil }
    var table = TextTable(["measure"] + models.map(\.0))
    let row = { (name: String, read: (PerplexityResult) -> String) in
      [name] + models.compactMap { $0.1.map(read) }
    }
    table.append(row("perplexity") { Figures.decimals($0.perplexity) })
    table.append(row("loss, nats a token") { Figures.decimals($0.meanLoss) })
    table.append(row("top-1 accuracy") { Figures.decimals($0.accuracy) })
    table.append(row("tokens/s") { Figures.rate($0.tokensPerSecond) })
    table.append(row("tokens") { Figures.count($0.tokens) })
    let last = { (name: String, value: String) in
      [name] + models.dropLast().map { _ in "" } + (models.isEmpty ? [] : [value])
    }
    if let ratio = perplexityRatio {
      table.append(last("perplexity ratio", Figures.decimals(ratio)))
    }
    if let loss = transferLoss { table.append(last("transfer loss", Figures.significant(loss))) }
    if let bytes = peakMemoryBytes { table.append(last("peak memory", Figures.bytes(bytes))) }
    return table
  }

  private var verdictTable: TextTable {
    var table = TextTable(["threshold", "bounds", "value", "verdict"])
    for verdict in verdicts {
      table.append([
        verdict.measure, verdict.bounds,
        verdict.value.map(Figures.significant) ?? "not measured",
        verdict.isKept ? "kept" : "missed",
      ])
    }
    return table
  }

  private var layerTable: TextTable {
    var table = TextTable(["layer", "transfer loss"])
    for (layer, loss) in transferLossByLayer.enumerated() {
      table.append(["\(layer)", loss.map(Figures.significant) ?? "keeps softmax"])
    }
    return table
  }

  private var trainingSection: String {
    var text = "## Training\n\n"
    for stage in training {
      let speed = stage.seconds > 0 ? Double(stage.tokens) / stage.seconds : 0
      text +=
        "**\(stage.stage)**: \(Figures.count(stage.steps)) steps, "
        + "\(Figures.count(stage.tokens)) tokens in \(Figures.duration(stage.seconds)), "
        + "\(Figures.rate(speed)) tokens/s.\n\n"
      if stage.curve.isEmpty { continue }
      var table = TextTable(["step", "loss"])
      for point in stage.curve {
        table.append([Figures.count(point.step), Figures.significant(point.loss)])
      }
      text += table.markdown + "\n"
    }
    return text
  }

  private var provenanceTable: TextTable {
    var table = TextTable(["made with", ""])
    for (key, value) in provenance.members {
      guard let members = value.objectValue?.members else {
        table.append([key, value.stringValue ?? value.compact])
        continue
      }
      for member in members {
        table.append(["\(key).\(member.key)", member.value.stringValue ?? member.value.compact])
      }
    }
    return table
  }
}

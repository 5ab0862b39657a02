import Documents
import Results

extension EvaluationReport {
  /// What stands at the end of a run on the terminal: numbers, then the verdict.
  public var terminalTable: String {
    var blocks: [String] = []
    if !textVariants.isEmpty { blocks.append(ablationTable.terminal) }
    let tasks = taskTable(errorsOf: [.teacher, .student])
    if !tasks.isEmpty { blocks.append(tasks.terminal) }
    if !recallTable.isEmpty { blocks.append(recallTable.terminal) }
    if let speed, !speed.table.isEmpty { blocks.append(speed.table.terminal) }
    if !verdicts.isEmpty { blocks.append(verdictTable.terminal) }
    let sentences = [
      headline, linearShare?.sentence, recallSentence, speed?.sentence, cache?.sentence,
      sampleSentence,
      peakMemoryBytes.map { "Peak memory \(Figures.bytes($0))." }, thresholdSentence,
    ]
    if !notes.isEmpty { blocks.append(notes.map { "\($0)\n" }.joined()) }
    blocks.append(sentences.compactMap { $0.map { $0 + "\n" } }.joined())
    return blocks.joined(separator: "\n")
  }

  /// `report.md`. Sections without data are left out.
  public var markdown: String {
    var text = "# \(Markdown.line(title))\n\n**\(Markdown.line(headline))**\n\n"
    for sentence in [linearShare?.sentence, recallSentence, thresholdSentence, sampleSentence] {
      if let sentence { text += Markdown.line(sentence) + "\n\n" }
    }
    if !textVariants.isEmpty { text += ablationText }
    text += section("Tasks", taskTable(errorsOf: ModelVariant.allCases), note: taskNote)
    text += section(
      "Recall", recallTable, note: "Share of queries answered with every token right.")
    text += section("Perplexity by position", positionTable)
    if let selection {
      text += section(
        "Layers that keep softmax", selection.table,
        note: ([selection.sentence] + selection.notes).joined(separator: " "))
    }
    if let speed {
      let remarks = ([speed.sentence].compactMap(\.self) + speedRemarks).joined(separator: "\n\n")
      text += section("Speed and memory", speed.table, note: remarks.isEmpty ? nil : remarks)
    }
    if let cache {
      text += section("Memory of what was read", cache.table, note: cache.sentence)
    }
    text += section("Thresholds", verdictTable)
    text += section("Fidelity by layer", fidelityTable, note: fidelityNote)
    text += section("Beyond the window by layer", farTable, note: Self.farMeaning)
    text += section("Attention transfer by layer", transferTable)
    if !training.isEmpty { text += trainingText }
    if !notes.isEmpty {
      text += "## Not measured\n\n" + notes.map { "- \(Markdown.line($0))\n" }.joined() + "\n"
    }
    text += "## How to repeat\n\n"
    if !commands.isEmpty { text += Self.fenced(commands.joined(separator: "\n")) }
    if !provenance.members.isEmpty { text += provenanceTable.markdown + "\n" }
    if let recipe {
      text +=
        "<details><summary>Recipe</summary>\n\n\(Self.fenced(recipe.pretty, "json"))</details>\n\n"
    }
    return text
  }

  private func section(_ heading: String, _ table: TextTable, note: String? = nil) -> String {
    if table.isEmpty { return "" }
    return "## \(heading)\n\n\(table.markdown)\n" + (note.map { "\($0)\n\n" } ?? "")
  }

  private var ablationText: String {
    var text = "## Held-out text\n\n\(ablationTable.markdown)\n"
    let details = textVariants.filter { !$0.variant.detail.isEmpty }
    for (variant, _) in details {
      text += "- \(variant.variant.title): \(Markdown.line(variant.detail))\n"
    }
    if !details.isEmpty { text += "\n" }
    if let textSentence { text += textSentence + "\n\n" }
    return text
  }

  var taskNote: String {
    if subject?.tasks.allSatisfy({ $0.name == Self.embeddingTaskName }) == true {
      return "Cosines of the texts' embeddings to the teacher's, their mean with its standard "
        + "error; and how the similarities of all pairs of texts correlate in rank with the teacher's "
        + "(Spearman)."
    }
    return "Standard errors are those of the mean over samples (of perplexities over bootstrap "
      + "replicates), as in lm-eval."
  }

  var fidelityNote: String? {
    guard let fidelity else { return nil }
    let heads = "Means over heads, on the teacher's own activations"
    guard let divergence = fidelity.logitDivergence, let agreement = fidelity.topAgreement else {
      return "\(heads), \(Figures.count(fidelity.tokens)) tokens."
    }
    return
      "\(heads). Next-token distributions: KL \(Figures.significant(divergence)) nats, the same "
      + "most probable token for \(Figures.percent(agreement)) of "
      + "\(Figures.count(fidelity.tokens)) tokens."
      + [fidelity.positionSentence, fidelity.agreementSentence].compactMap(\.self)
      .map { " " + $0 }.joined()
  }

  private var transferTable: TextTable {
    var table = TextTable(["layer", "transfer loss"])
    for (layer, loss) in transferLossByLayer.enumerated() {
      table.append(["\(layer)", loss.map(Figures.significant) ?? "keeps softmax"])
    }
    return table
  }

  private var trainingText: String {
    var text = "## Training\n\n"
    for stage in training {
      text += "**\(stage.stage)**: \(stage.costSentence)\n\n"
      let points = stage.thinned(to: 12)
      if points.isEmpty { continue }
      var table = TextTable(["step", "loss"])
      for point in points {
        table.append([Figures.count(point.step), Figures.significant(point.loss)])
      }
      text += table.markdown + "\n"
    }
    return text
  }

  private var provenanceTable: TextTable {
    var table = TextTable(["made with", ""])
    for (key, value) in provenanceRows { table.append([key, value]) }
    return table
  }

  /// A code block whose fence is longer than any run of backticks inside.
  static func fenced(_ text: String, _ language: String = "") -> String {
    var longest = 2
    var run = 0
    for character in text {
      run = character == "`" ? run + 1 : 0
      longest = max(longest, run)
    }
    let fence = String(repeating: "`", count: longest + 1)
    return "\(fence)\(language)\n\(text)\(text.hasSuffix("\n") ? "" : "\n")\(fence)\n\n"
  }
}

extension FidelityResult {
  /// The divergence by tokens of context; nil where it is of one range alone.
  var positionSentence: String? {
    guard positions.count > 1 else { return nil }
    let parts = positions.enumerated().map { index, range in
      let place =
        index + 1 < positions.count
        ? "\(Figures.count(range.first)) to \(Figures.count(positions[index + 1].first - 1))"
        : "from \(Figures.count(range.first)) on"
      return "\(place) \(Figures.significant(range.divergence))"
    }
    return "KL by tokens of context: \(parts.joined(separator: ", "))."
  }
}

extension FidelityResult {
  /// How long greedy decoding says what the teacher says; nil where it was not measured.
  var agreementSentence: String? {
    agreement.map {
      "Greedy decoding agrees with the teacher's for \(Figures.rate($0.student)) of "
        + "\(Figures.count($0.tokens)) tokens, mean over \(Figures.plural($0.prompts, "prompt"))"
        + ($0.untrained.map { " (untrained window \(Figures.rate($0)))" } ?? "") + "."
    }
  }
}

extension TrainingCurve {
  /// "60 steps, 61,440 tokens in 3 min 20 s, 307 tokens/s."
  var costSentence: String {
    let speed = seconds > 0 ? Double(tokens) / seconds : 0
    return "\(Figures.plural(steps, "step")), \(Figures.count(tokens)) tokens in "
      + "\(Figures.duration(seconds)), \(Figures.rate(speed)) tokens/s."
  }

  /// At most about `count` points, the first and the last among them.
  func thinned(to count: Int) -> [Point] {
    let stride = max(1, (points.count + count - 1) / count)
    return points.enumerated().filter {
      $0.offset % stride == 0 || $0.offset == points.count - 1
    }.map(\.element)
  }
}

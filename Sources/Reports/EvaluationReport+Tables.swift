import Results

/// Tables that the terminal and Markdown share.
extension EvaluationReport {
  /// Variants that have held-out text: the ablation.
  var textVariants: [(variant: VariantResult, text: PerplexityResult)] {
    variants.compactMap { variant in variant.text.map { (variant, $0) } }
  }

  var ablationTable: TextTable {
    let teacher = self[.teacher]?.text
    var table = TextTable(["model", "perplexity", "ratio", "loss", "±", "top-1", "tokens/s"])
    for (variant, text) in textVariants {
      table.append([
        variant.variant.title, Figures.decimals(text.perplexity),
        teacher.map { Figures.decimals(text.perplexity / $0.perplexity) } ?? "",
        Figures.decimals(text.meanLoss), text.lossStandardError.map(Figures.decimals) ?? "",
        Figures.decimals(text.accuracy), Figures.rate(text.tokensPerSecond),
      ])
    }
    return table
  }

  /// A row for each metric of the subject's tasks, a column for each variant that has tasks.
  ///
  /// - Parameter shown: variants whose standard errors are told; a terminal has no room for all.
  func taskTable(errorsOf shown: [ModelVariant]) -> TextTable {
    let columns = variants.filter { !$0.tasks.isEmpty }
    var table = TextTable(["task", "metric", "n", "chance"] + columns.map(\.variant.shortTitle))
    for task in subject?.tasks ?? [] {
      for metric in task.metrics {
        let isChance = metric.name == "acc" || metric.name == "acc_norm"
        let cells = columns.map { column -> String in
          guard let other = column.tasks.first(where: { $0.name == task.name })?.metric(metric.name)
          else { return "" }
          let error = shown.contains(column.variant) ? other.standardError : nil
          return Figures.score(other.value) + (error.map { " ± \(Figures.score($0))" } ?? "")
        }
        table.append(
          [
            task.name, metric.name + (metric.higherIsBetter ? " ↑" : " ↓"),
            Figures.count(task.samples),
            isChance ? task.chance.map(Figures.score) ?? "" : "",
          ] + cells)
      }
    }
    return table
  }

  /// A row for each kind and length, a column for each variant that was asked.
  var recallTable: TextTable {
    let columns = variants.filter { !$0.recall.isEmpty }
    var table = TextTable(["recall", "tokens", "queries"] + columns.map(\.variant.shortTitle))
    for row in recallRows {
      let cells = columns.map { column in
        column.recall.first { $0.kind == row.kind && $0.length == row.length }.map {
          "\(Figures.percent($0.accuracy)) ± \(Figures.percent($0.standardError))"
        } ?? ""
      }
      table.append(
        [RecallResult.title(of: row.kind), Figures.count(row.length), Figures.count(row.queries)]
          + cells)
    }
    return table
  }

  /// Kinds in order of appearance, lengths ascending.
  var recallRows: [(kind: String, length: Int, queries: Int)] {
    var rows: [(kind: String, length: Int, queries: Int)] = []
    for result in variants.flatMap(\.recall)
    where !rows.contains(where: { $0.kind == result.kind && $0.length == result.length }) {
      rows.append((result.kind, result.length, result.queries))
    }
    var kinds: [String] = []
    for row in rows where !kinds.contains(row.kind) { kinds.append(row.kind) }
    return kinds.flatMap { kind in
      rows.filter { $0.kind == kind }.sorted { $0.length < $1.length }
    }
  }

  var positionTable: TextTable {
    let columns = textVariants.filter { !$0.text.positions.isEmpty }
    var table = TextTable(["tokens of context"] + columns.map(\.variant.variant.shortTitle))
    for (index, range) in (columns.first?.text.positions ?? []).enumerated() {
      table.append(
        ["\(Figures.count(range.first)) to \(Figures.count(range.end - 1))"]
          + columns.map { column in
            guard column.text.positions.indices.contains(index) else { return "" }
            return Figures.decimals(column.text.positions[index].perplexity)
          })
    }
    return table
  }

  var fidelityTable: TextTable {
    var table = TextTable([
      "layer", "relative error", "KL, nats", "entropy, teacher", "entropy, student",
      "monotonicity", "reach, teacher", "reach, student",
    ])
    for layer in fidelity?.layers ?? [] {
      let mean = layer.mean
      table.append([
        "\(layer.index)", Figures.significant(mean.relativeError),
        Figures.significant(mean.divergence), Figures.decimals(mean.teacherEntropy),
        Figures.decimals(mean.studentEntropy), Figures.decimals(mean.monotonicity),
        Figures.rate(mean.teacherReach), Figures.rate(mean.studentReach),
      ])
    }
    return table
  }

  /// Of the layers whose students have a window; no rows where there are none.
  var farTable: TextTable {
    var table = TextTable([
      "layer", "weights, teacher", "weights, student", "outputs, teacher", "outputs, student",
    ])
    for layer in fidelity?.layers ?? [] {
      guard let far = layer.farMean else { continue }
      table.append([
        "\(layer.index)", Figures.percent(far.teacherMass),
        far.studentMass.map(Figures.percent) ?? "has none", Figures.percent(far.teacherOutput),
        Figures.percent(far.studentOutput),
      ])
    }
    return table
  }

  var speedLengths: [Int] {
    Set(((speed?.teacher ?? []) + (speed?.student ?? [])).map(\.length)).sorted()
  }

  /// Notes on the speeds, and what was not measured, a sentence each.
  var speedRemarks: [String] {
    guard let speed else { return [] }
    return speed.notes
      + speed.omissions.map {
        "Not measured: \($0.role.rawValue) at \(Figures.count($0.length)) tokens: \($0.reason)."
      }
  }

  var verdictTable: TextTable {
    let hasOrigins = verdicts.contains { $0.origin != nil }
    var table = TextTable(
      ["threshold", "bounds", "value", "verdict"] + (hasOrigins ? ["from"] : []))
    for verdict in verdicts {
      table.append(
        [
          verdict.measure, verdict.bounds,
          verdict.value.map(Figures.significant) ?? "not measured",
          verdict.isKept ? "kept" : "missed",
        ] + (hasOrigins ? [verdict.origin ?? "recipe or command"] : []))
    }
    return table
  }
}

extension FidelityResult.Layer {
  /// Means over the heads of what is of keys beyond the window; nil where heads have none.
  var farMean: FidelityResult.FarShare? {
    let shares = heads.compactMap(\.far)
    if shares.isEmpty { return nil }
    let mean = { (number: (FidelityResult.FarShare) -> Double) in
      shares.reduce(0) { $0 + number($1) } / Double(shares.count)
    }
    let hasMass = shares.allSatisfy { $0.studentMass != nil }
    return FidelityResult.FarShare(
      teacherMass: mean(\.teacherMass), studentMass: hasMass ? mean { $0.studentMass ?? 0 } : nil,
      teacherOutput: mean(\.teacherOutput), studentOutput: mean(\.studentOutput))
  }

  /// Means over the heads.
  public var mean: FidelityResult.Head {
    var mean = FidelityResult.Head(
      meanSquaredError: 0, relativeError: 0, divergence: 0, teacherEntropy: 0, studentEntropy: 0,
      monotonicity: 0, teacherReach: 0, studentReach: 0)
    for (_, path) in FidelityResult.Head.numbers {
      mean[keyPath: path] = heads.reduce(0) { $0 + $1[keyPath: path] } / Double(heads.count)
    }
    return mean
  }
}

extension RecallResult {
  static func title(of kind: String) -> String {
    switch kind {
    case "mqar": "associative recall"
    case "passkey": "passkey retrieval"
    case passkeyDigits: "digits of passkeys, those before given"
    default: kind
    }
  }
}

import Documents
import Results

extension ResultsReader {
  /// The report that `EvaluationReport.document` was made of, without attention maps.
  func report() throws -> EvaluationReport {
    let own = try reader("linearize")
    let format = try own.integer("format")
    guard format == EvaluationReport.format else {
      throw ResultsError(
        file, "$.linearize.format",
        "found \(format), expected \(EvaluationReport.format); evaluate again with this version")
    }
    let configurations = try reader("configs")
    var report = EvaluationReport(title: try own.text("title"))
    report.teacherName = try own.optionalText("teacher")
    report.studentName = try own.optionalText("student")
    report.variants = try own.members("variants") { name, reader in
      guard let variant = ModelVariant(rawValue: name) else {
        throw ResultsError(
          file, reader.place,
          "is no variant, expected \(ModelVariant.allCases.map(\.rawValue).joined(separator: ", "))"
        )
      }
      return try reader.variant(variant)
    }
    if let subject = report.subject?.variant {
      let index = report.variants.firstIndex { $0.variant == subject }!
      for (position, task) in report.variants[index].tasks.enumerated() {
        report.variants[index].tasks[position].configuration =
          try configurations.optionalReader(task.name)?.object["definition"] ?? .null
      }
    }
    report.textHash = try own.optionalText("textHash")
    report.fidelity = try own.optionalReader("fidelity")?.fidelity()
    report.transferLoss = try own.optionalNumber("transferLoss")
    report.transferLossByLayer = try own.numbers("transferLossByLayer")
    report.training = try own.elements("training") { try $0.curve() }
    report.speed = try own.optionalReader("speed").map {
      try SpeedResult(
        teacher: $0.elements("teacher") { try $0.speed() },
        student: $0.elements("student") { try $0.speed() },
        omissions: $0.elements("omitted") {
          try .init(
            role: $0.word("model"), length: $0.count("length"), reason: $0.text("reason"))
        }, notes: $0.texts("notes"))
    }
    // Results of earlier versions have none.
    if own.object["cache"]?.isNull == false {
      report.cache = CacheResult(
        points: try own.elements("cache") {
          try .init(
            length: $0.count("length"), teacherBytes: $0.count("teacherBytes"),
            studentBytes: $0.count("studentBytes"))
        })
    }
    report.selection = try own.optionalReader("selection").map { try SelectionResult($0) }
    report.peakMemoryBytes = try own.optionalInteger("peakMemoryBytes")
    report.verdicts = try own.elements("thresholds") {
      try Verdict(
        measure: $0.text("measure"), minimum: $0.optionalNumber("minimum"),
        maximum: $0.optionalNumber("maximum"), value: $0.optionalNumber("value"),
        origin: $0.optionalText("origin"))
    }
    report.provenance = try own.reader("provenance").object
    report.recipe = own.object["recipe"].flatMap { $0.isNull ? nil : $0 }
    report.commands = try own.texts("commands")
    // Results of the first version have none.
    report.notes = own.object["notes"] == nil ? [] : try own.texts("notes")
    report.date = try own.number("date")
    report.seconds = try own.number("seconds")
    return report
  }

  private func variant(_ variant: ModelVariant) throws -> VariantResult {
    try VariantResult(
      variant: variant, detail: text("detail"), text: optionalReader("text")?.perplexity(),
      tasks: members("tasks") { try $1.task($0) },
      recall: elements("recall") {
        try RecallResult(
          kind: $0.text("kind"), length: $0.count("length"), queries: $0.count("queries"),
          correct: $0.count("correct"), meanLoss: $0.number("loss"))
      })
  }

  private func perplexity() throws -> PerplexityResult {
    let losses = try numbers("windowLossSums")
    let scored = try counts("windowScoredTokens")
    let correct = try counts("windowCorrectTokens")
    guard losses.count == scored.count, losses.count == correct.count else {
      throw ResultsError(
        file, place,
        "found \(losses.count) losses, \(scored.count) counts of scored and \(correct.count) of "
          + "correct tokens, expected one of each for a window")
    }
    return try PerplexityResult(
      windows: losses.indices.map {
        .init(
          lossSum: losses[$0] ?? .nan, scoredTokens: scored[$0], correctTokens: correct[$0])
      },
      positions: elements("positions") {
        try .init(
          first: $0.count("first"), end: $0.count("end"), lossSum: $0.number("lossSum"),
          scoredTokens: $0.count("scoredTokens"))
      }, tokens: count("tokens"), seconds: number("seconds"))
  }

  private func task(_ name: String) throws -> TaskResult {
    try TaskResult(
      name: name,
      metrics: members("metrics") {
        try .init(
          name: $0, value: $1.number("value"), standardError: $1.optionalNumber("standardError"),
          higherIsBetter: $1.flag("higherIsBetter"))
      }, samples: count("samples"), availableSamples: count("availableSamples"),
      truncatedSamples: count("truncatedSamples"), shots: count("shots"),
      version: number("version"), samplesHash: text("samplesHash"), seconds: number("seconds"),
      chance: optionalNumber("chance"))
  }

  private func fidelity() throws -> FidelityResult {
    try FidelityResult(
      layers: elements("layers") { layer in
        try .init(
          index: layer.count("index"),
          heads: layer.elements("heads") { reader in
            var head = FidelityResult.Head(
              meanSquaredError: 0, relativeError: 0, divergence: 0, teacherEntropy: 0,
              studentEntropy: 0, monotonicity: 0, teacherReach: 0, studentReach: 0)
            for (name, path) in FidelityResult.Head.numbers {
              head[keyPath: path] = try reader.number(name)
            }
            // Of a student without a window there are none.
            if reader.object["teacherFarMass"] != nil {
              head.far = try FidelityResult.FarShare(
                teacherMass: reader.number("teacherFarMass"),
                studentMass: reader.optionalNumber("studentFarMass"),
                teacherOutput: reader.number("teacherFarOutput"),
                studentOutput: reader.number("studentFarOutput"))
            }
            return head
          })
      }, logitDivergence: optionalNumber("logitDivergence"),
      topAgreement: optionalNumber("topAgreement"),
      tokens: count("tokens"),
      // Results of earlier versions have none.
      positions: object["positions"] == nil
        ? []
        : elements("positions") {
          try .init(
            first: $0.count("first"), divergenceSum: $0.number("divergenceSum"),
            tokens: $0.count("tokens"))
        },
      agreement: optionalReader("agreement").map {
        try .init(
          prompts: $0.count("prompts"), tokens: $0.count("tokens"), student: $0.number("student"),
          untrained: $0.optionalNumber("untrained"))
      })
  }

  private func curve() throws -> TrainingCurve {
    let point = { (reader: ResultsReader) in
      try TrainingCurve.Point(
        step: reader.count("step"), loss: reader.number("loss"),
        learningRate: reader.optionalNumber("learningRate"),
        gradientNorm: reader.optionalNumber("gradientNorm"))
    }
    return try TrainingCurve(
      stage: text("stage"), steps: count("steps"), tokens: count("tokens"),
      seconds: number("seconds"), points: elements("points", point),
      validation: elements("validation", point))
  }

  private func speed() throws -> SpeedResult.Point {
    try .init(
      length: count("length"), prefillTokensPerSecond: number("prefillTokensPerSecond"),
      secondsPerToken: number("secondsPerToken"), stateBytes: count("stateBytes"))
  }

  /// What lm-eval wrote: its tasks' metrics under the filter that comes first.
  func foreignReport() throws -> EvaluationReport {
    let tasks = try members("results") { name, result in try foreignTask(name, result) }
    return try EvaluationReport(
      title: optionalText("model_name") ?? file,
      variants: [VariantResult(variant: .teacher, tasks: tasks)],
      date: optionalNumber("date") ?? 0)
  }

  private func foreignTask(_ name: String, _ result: ResultsReader) throws -> TaskResult {
    let directions = try optionalReader("higher_is_better")?.optionalReader(name)
    let samples = try optionalReader("n-samples")?.optionalReader(name)
    var metrics: [TaskResult.Metric] = []
    for key in result.object.keys {
      let parts = key.split(separator: ",", maxSplits: 1).map(String.init)
      guard parts.count == 2, !parts[0].hasSuffix("_stderr"),
        !metrics.contains(where: { $0.name == parts[0] })
      else { continue }
      let isHigherBetter = directions?.object[parts[0]]?.boolValue ?? true
      try metrics.append(
        .init(
          name: parts[0], value: result.number(key),
          standardError: result.object["\(parts[0])_stderr,\(parts[1])"]?.doubleValue,
          higherIsBetter: isHigherBetter))
    }
    let scored = try samples?.count("effective") ?? result.optionalInteger("sample_len") ?? 0
    return try TaskResult(
      name: name, metrics: metrics, samples: scored,
      availableSamples: samples?.count("original") ?? scored,
      shots: optionalReader("n-shot")?.optionalInteger(name) ?? 0)
  }
}

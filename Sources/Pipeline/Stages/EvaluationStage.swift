import Corpus
import Documents
import Evaluation
import Foundation
import Transformers

/// The last stage: teacher and student on the same held-out sequences, thresholds, report.
struct EvaluationStage {
  /// Test sequences that the transfer loss is measured on; its cost is a teacher pass each.
  private static let transferSequences = 4
  /// Points of a stage's loss curve in the report.
  private static let curvePoints = 12

  let specification: EvaluationSpecification
  let context: StageContext
  let teacherDigest: String
  let resolved: JSONValue
  let environment: JSONValue

  func run() throws -> (summary: String, code: ExitCode) {
    let test = Array(context.data.test.prefix(specification.sequences ?? .max))
    let sequences = test.map { sequence in
      EvaluationSequence(
        tokens: sequence.tokens, targets: sequence.targets, layout: PackedBatch([sequence]).layout)
    }
    let teacher = try measure(context.teacher.decoder, sequences, "evaluate teacher")
    let student = try measure(context.student, sequences, "evaluate student")
    let (mean, byLayer) = transferLoss(test)
    var results = EvaluationResults(
      title: context.recipe.name, teacher: teacher, student: student, transferLoss: mean,
      transferLossByLayer: byLayer, peakMemoryBytes: ProcessMemory.peakBytes,
      training: try training(), provenance: provenance,
      commands: ["linearize --recipe \(context.run.path)/recipe.json --output runs/again"])
    results.judge(
      specification.thresholds.map { ($0.measure, minimum: $0.minimum, maximum: $0.maximum) })
    try DocumentFile(context.run.resultsPath).replace(with: results.document.pretty)
    try DocumentFile(context.run.reportPath).replace(with: results.markdown)
    return (
      results.terminalTable + "\nreport: \(context.run.reportPath)\n",
      results.keepsThresholds ? .success : .thresholdMissed
    )
  }

  private func measure(
    _ decoder: Decoder, _ sequences: [EvaluationSequence], _ name: String
  ) throws -> PerplexityResult {
    context.progress.begin(stage: name, totalSteps: sequences.count)
    var tokens = 0
    let result = try PerplexityMeasurement(decoder, clock: context.clock).run(sequences) { result in
      context.progress.update(
        step: result.windows.count, tokens: result.tokens - tokens,
        measures: [("perplexity", result.perplexity)])
      tokens = result.tokens
      if let signal = context.interruption.signalName {
        throw Preempted(stage: EvaluationSpecification.name, step: 0, signalName: signal)
      }
    }
    context.progress.end()
    guard result.perplexity.isFinite else {
      throw NonFiniteValue(
        stage: name, step: result.windows.count, quantity: "the perplexity",
        value: result.perplexity, lastCheckpoint: context.run.artefactsPath)
    }
    return result
  }

  /// Losses of the recipe's transfer objective, mean and by layer; nil for layers that keep
  /// softmax. Adapters are the student's concern, not the transfer's: inputs are the teacher's.
  private func transferLoss(_ test: [PackedSequence]) -> (mean: Double?, byLayer: [Double?]) {
    let transfer = context.recipe.stages.compactMap { $0 as? AttentionTransferSpecification }.first
    guard let transfer else { return (nil, []) }
    let pass = TransferPass(
      teacher: context.teacher.decoder, student: context.student,
      objective: TransferObjective(transfer))
    let converted = pass.convertedLayers
    let measured = test.prefix(Self.transferSequences)
      .map { pass.losses(PackedBatch([$0]), gradientFactor: nil) }
    var byLayer = [Double?](repeating: nil, count: context.student.layers.count)
    for (index, layer) in converted.enumerated() {
      byLayer[layer] = measured.map { $0[index] }.mean
    }
    return (byLayer.compactMap { $0 }.mean, byLayer)
  }

  /// Curves and costs as the run's own logs tell them, so that resumed runs report all of it.
  private func training() throws -> [EvaluationResults.Training] {
    let metrics = try lines(context.run.metricsPath)
    let timings = try lines(context.run.timingsPath)
    return context.recipe.stages.filter { $0.training != nil }.map { stage in
      let steps = metrics.filter { $0["stage"]?.stringValue == stage.name && $0["loss"] != nil }
      let seconds = timings.filter { $0["stage"]?.stringValue == stage.name }
        .reduce(0) { $0 + ($1["seconds"]?.doubleValue ?? 0) }
      let stride = max(1, (steps.count + Self.curvePoints - 1) / Self.curvePoints)
      let curve = steps.enumerated().filter {
        $0.offset % stride == 0 || $0.offset == steps.count - 1
      }.compactMap { _, line -> (step: Int, loss: Double)? in
        guard let step = line["step"]?.intValue, let loss = line["loss"]?.doubleValue else {
          return nil
        }
        return (step, loss)
      }
      return .init(
        stage: stage.name, steps: steps.count,
        tokens: steps.reduce(0) { $0 + ($1["tokens"]?.intValue ?? 0) }, curve: curve,
        seconds: seconds)
    }
  }

  private func lines(_ path: String) throws -> [JSONValue] {
    try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map {
      try JSONValue(parsing: String($0))
    }
  }

  private var provenance: JSONObject {
    [
      "recipe": .string(context.recipe.name), "seed": .integer(context.recipe.seed),
      "teacher": .string(context.teacher.location), "teacherSHA256": .string(teacherDigest),
      "program": .string("linearize \(EnvironmentReport.version)"),
      "libraries": environment["libraries"] ?? .null,
      "processor": environment["processor"]?["model"] ?? .null,
    ]
  }
}

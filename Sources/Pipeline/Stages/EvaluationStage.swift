import Corpus
import Documents
import Evaluation
import Foundation
import Models
import Reports
import Results
import Transformers

/// The last stage: teacher, student and what lies between them on the same held-out samples,
/// thresholds, report.
struct EvaluationStage {
  /// Test sequences that the transfer loss is measured on; its cost is a teacher pass each.
  private static let transferSequences = 4
  /// Points of a stage's loss curve in the report.
  private static let curvePoints = 400

  let specification: EvaluationSpecification
  let context: StageContext
  let teacherDigest: String
  let resolved: JSONValue
  let environment: JSONValue
  /// Seconds since 1970.
  let date: Double

  func run() throws -> (summary: String, code: ExitCode) {
    let start = context.clock()
    // A baseline that cannot be read ends the stage before the work, not after it.
    let baseline = try specification.baseline.map {
      try StoredResults(try DocumentFile($0).read(), path: $0)
    }
    let test = Array(context.data.test.prefix(specification.sequences ?? .max))
    // A model that was pretrained is measured by itself: what it was made of is not its teacher.
    let isAlone = context.recipe.isPretraining
    let student = isAlone && context.teacher.student == nil ? nil : context.student
    let plan = EvaluationPlan(
      text: test.map { sequence in
        let batch = PackedBatch([sequence])
        let read = context.student.configuration.isEncoder ? batch.withoutPadding : batch
        return EvaluationSequence(
          tokens: read.tokens, targets: read.targets, layout: read.layout)
      },
      tasks: try specification.tasks.map {
        (try EvaluationTask.load($0.path, dataOverride: $0.data), $0.limit)
      },
      measuresTeacher: !isAlone, measuresAblations: specification.ablations && !isAlone,
      recall: specification.recall, fidelity: isAlone ? nil : specification.fidelity,
      speed: specification.speed)
    let outcome = try EvaluationRun(
      plan: plan, teacher: isAlone ? context.teacher.decoder.original : context.teacher.decoder,
      student: student,
      tokenizer: context.teacher.tokenizer, pooling: context.teacher.pooling,
      location: context.teacher.location,
      seed: context.seed, clock: context.clock, progress: progress
    ).run()
    let (mean, byLayer) = transferLoss(test)
    var report = EvaluationReport(
      title: context.recipe.name, teacherName: context.teacher.location,
      studentName: student == nil ? nil : context.run.path, variants: outcome.variants,
      transferLoss: mean, transferLossByLayer: byLayer, fidelity: outcome.fidelity,
      training: try training(),
      speed: outcome.speed, peakMemoryBytes: ProcessMemory.peakBytes, provenance: provenance,
      recipe: resolved,
      commands: ["linearize --recipe \(context.run.path)/recipe.json --output runs/again"],
      notes: outcome.notes, textHash: outcome.textHash, date: date, seconds: context.clock() - start
    )
    report.judge(
      specification.thresholds.map { ($0.measure, $0.minimum, $0.maximum) }
        + zip(specification.tasks, plan.tasks).flatMap { task, loaded in
          task.thresholds.map { ("\(loaded.task.name)/\($0.metric)", $0.minimum, $0.maximum) }
        })
    // What was measured is kept, also when the baseline turns out to be of other samples.
    var mismatch: (any Error)?
    do {
      if let baseline {
        try report.judge(baseline: baseline, tolerance: specification.tolerance)
      }
    } catch {
      mismatch = error
      report.notes.append("The baseline was not compared: \(error)")
    }
    try EvaluationFiles.write(report, samples: outcome.samples, to: context.run.path)
    if let mismatch { throw mismatch }
    return (
      report.terminalTable + "\nreport: \(context.run.path)/report.html\n",
      report.keepsThresholds ? .success : .thresholdMissed
    )
  }

  private var progress: EvaluationProgress {
    EvaluationProgress(
      begin: { context.progress.begin(stage: "evaluate \($0)", totalSteps: $1) },
      update: { done, tokens, measures in
        context.progress.update(step: done, tokens: tokens, measures: measures)
        if let signal = context.interruption.signalName {
          throw Preempted(stage: EvaluationSpecification.name, step: 0, signalName: signal)
        }
      }, end: { context.progress.end() })
  }

  /// Losses of the recipe's transfer objective, mean and by layer; nil for layers that keep
  /// softmax. Adapters are the student's concern, not the transfer's: inputs are the teacher's.
  private func transferLoss(_ test: [PackedSequence]) -> (mean: Double?, byLayer: [Double?]) {
    let transfer = context.recipe.stages.compactMap { $0 as? any TransferStageSpecification }.last
    guard let transfer else { return (nil, []) }
    let pass = TransferPass(
      teacher: context.teacher.decoder, student: context.student,
      objective: transfer.objective)
    let converted = pass.student.convertedLayers
    let measured = test.prefix(Self.transferSequences)
      .map { pass.losses(PackedBatch([$0]), gradientFactor: nil) }
    var byLayer = [Double?](repeating: nil, count: context.student.layers.count)
    for (index, layer) in converted.enumerated() {
      byLayer[layer] = measured.map { $0[index] }.mean
    }
    return (byLayer.compactMap { $0 }.mean, byLayer)
  }

  /// Curves and costs as the run's own logs tell them, so that resumed runs report all of it.
  private func training() throws -> [TrainingCurve] {
    let metrics = try lines(context.run.metricsPath)
    let timings = try lines(context.run.timingsPath)
    return context.recipe.stages.filter { $0.training != nil }.map { stage in
      let own = metrics.filter { $0["stage"]?.stringValue == stage.name }
      let steps = own.filter { $0["loss"] != nil }
      let seconds = timings.filter { $0["stage"]?.stringValue == stage.name }
        .reduce(0) { $0 + ($1["seconds"]?.doubleValue ?? 0) }
      let stride = max(1, (steps.count + Self.curvePoints - 1) / Self.curvePoints)
      let points = steps.enumerated().filter {
        $0.offset % stride == 0 || $0.offset == steps.count - 1
      }.compactMap { Self.point($0.element, "loss") }
      return TrainingCurve(
        stage: stage.name, steps: steps.count,
        tokens: steps.reduce(0) { $0 + ($1["tokens"]?.intValue ?? 0) }, seconds: seconds,
        points: points, validation: own.compactMap { Self.point($0, "validationLoss") })
    }
  }

  private static func point(_ line: JSONValue, _ key: String) -> TrainingCurve.Point? {
    guard let step = line["step"]?.intValue, let loss = line[key]?.doubleValue else { return nil }
    return TrainingCurve.Point(
      step: step, loss: loss, learningRate: line["learningRate"]?.doubleValue,
      gradientNorm: line["gradientNorm"]?.doubleValue)
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
      "system": environment["system"]?["name"] ?? .null,
    ]
  }
}

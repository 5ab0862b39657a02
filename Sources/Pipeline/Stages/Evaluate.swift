import Corpus
import Documents
import Evaluation
import Foundation
import Models
import Reports
import Results
import Transformers

/// Measures teacher, student and what lies between them on the same held-out samples, holds them to
/// thresholds, and writes the report.
public struct Evaluate: StageSpecification {
  public static let name = "evaluate"
  public static let summary =
    "Measures teacher, student and the student's parts on text, tasks and recall; holds them to thresholds."
  public static let phase = StagePhase.evaluation

  /// Bounds of one number of the report; either may be left out.
  public struct Threshold: Sendable, Equatable {
    /// One of `EvaluationReport.measures`, or `TASK/METRIC`.
    public var measure: String
    /// The least value that keeps the bound; nil for none.
    public var minimum: Double?
    /// The greatest value that keeps the bound; nil for none.
    public var maximum: Double?
  }

  /// A task, and how much of it.
  public struct Task: Sendable, Equatable {
    /// A task file, or a JSONL file of `query`, `choices`, `gold` or `context`, `continuation`.
    public var path: String
    /// Where the samples lie, if not where the task file says.
    public var data: String?
    /// Samples at most; nil for all.
    public var limit: Int?
    /// On the task's metrics.
    public var thresholds: [(metric: String, minimum: Double?, maximum: Double?)]

    public static func == (left: Task, right: Task) -> Bool {
      left.path == right.path && left.data == right.data && left.limit == right.limit
        && left.thresholds.elementsEqual(right.thresholds, by: ==)
    }
  }

  /// Test sequences to measure on; `nil` for all that the data section keeps.
  public var sequences: Int?
  /// Tasks, scored by every variant.
  public var tasks: [Task]
  /// Window only, memory only, no attention, and the untrained teacher with window and sinks.
  public var ablations: Bool
  /// How retrieval from the context is asked for; nil not at all.
  public var recall: RecallPlan?
  /// On how much text attention is compared; nil not at all.
  public var fidelity: FidelityPlan?
  /// At which lengths models are timed; nil not at all.
  public var speed: SpeedPlan?
  /// Bounds; a missed one makes the exit status 1.
  public var thresholds: [Threshold]
  /// A `results.json` that this one must not fall behind.
  public var baseline: String?
  /// How far behind the baseline is still well: of accuracies absolute, of perplexities relative.
  public var tolerance: Double

  public init(_ reader: DocumentReader) {
    sequences = reader.optionalInteger(
      "sequences", in: 1...Int.max,
      "Test sequences to measure on; null takes all of data.testSequences.")
    tasks = reader.objects(
      "tasks", minimum: 0, "Tasks in lm-eval's terms, measured on every variant.", Self.task)
    ablations = reader.boolean(
      "ablations", default: true,
      "Measure the student's window alone, its memory alone, no attention, and the untrained teacher with window and sinks too."
    )
    recall =
      reader.boolean("measureRecall", default: true, "Ask for what stands in the context.")
      ? reader.object("recall", "Lengths and amounts of recall.", RecallPlan.init) : nil
    fidelity =
      reader.boolean(
        "measureFidelity", default: true, "Compare attention and predictions head by head.")
      ? reader.object("fidelity", "On how much text.", FidelityPlan.init) : nil
    speed =
      reader.boolean("measureSpeed", default: true, "Time reading and decoding by length.")
      ? reader.object("speed", "At which lengths.", SpeedPlan.init) : nil
    thresholds = reader.object(
      "thresholds", "Bounds on measured numbers; a missed one makes the exit status 1."
    ) { bounds in
      EvaluationReport.measures.compactMap { name, meaning in
        bounds.optionalObject(name, meaning) { reader in
          let (minimum, maximum) = Self.bounds(reader)
          return Threshold(measure: name, minimum: minimum, maximum: maximum)
        }
      }
    }
    baseline = reader.optionalString(
      "baseline", "A results.json of before; falling behind it makes the exit status 1.")
    tolerance = reader.number(
      "tolerance", in: 0...Double.greatestFiniteMagnitude, default: 0.01,
      "How far behind the baseline is still well: of accuracies absolute, of perplexities relative."
    )
  }

  private static func task(_ reader: DocumentReader) -> Task {
    Task(
      path: reader.string("path", "Task file, or JSONL of llm-foundry's form."),
      data: reader.optionalString("data", "Its samples, if not where the task file says."),
      limit: reader.optionalInteger("limit", in: 1...Int.max, "Samples at most; null for all."),
      thresholds: reader.object("thresholds", "Bounds on the student's metrics.") { bounds in
        [
          "acc", "acc_norm", "acc_all", "letter_share", "perplexity", "word_perplexity",
          "byte_perplexity", "bits_per_byte",
        ].compactMap { metric in
          bounds.optionalObject(metric, "The metric of that name.") { reader in
            let (minimum, maximum) = Self.bounds(reader)
            return (metric, minimum, maximum)
          }
        }
      })
  }

  private static func bounds(_ reader: DocumentReader) -> (minimum: Double?, maximum: Double?) {
    let minimum = reader.optionalNumber("minimum", "Smallest value that passes.")
    let maximum = reader.optionalNumber("maximum", "Largest value that passes.")
    if minimum == nil, maximum == nil {
      reader.report("", "bounds nothing; give \"minimum\", \"maximum\" or both")
    }
    if let minimum, let maximum, minimum > maximum {
      reader.report("minimum", "found \(minimum), expected at most the maximum, \(maximum)")
    }
    return (minimum, maximum)
  }
}

extension Evaluate {
  /// Files that the stage reads, by their keys below it.
  public var inputs: [(field: String, path: String)] {
    var inputs: [(field: String, path: String)] = []
    for (index, task) in tasks.enumerated() {
      inputs.append(("tasks[\(index)].path", task.path))
      if let data = task.data { inputs.append(("tasks[\(index)].data", data)) }
    }
    if let baseline { inputs.append(("baseline", baseline)) }
    return inputs
  }

  /// Tasks and a baseline that cannot be read end the run before its work, not after it.
  public func checkInputs(
    sequenceLength: Int, teacher: DecoderConfiguration, teacherDigest: () throws -> String
  ) throws {
    for task in tasks where FileManager.default.fileExists(atPath: task.path) {
      _ = try EvaluationTask.load(task.path, dataOverride: task.data)
    }
    if let baseline, FileManager.default.fileExists(atPath: baseline) {
      _ = try StoredResults(contentsOf: baseline)
    }
  }

  /// The last stage's results are the run's, in its folder; those of an evaluation before it stand
  /// below the stage's id, and are not measured again when they are there.
  public func run(_ stage: RecipeStage, in context: StageContext) throws {
    let isLast = stage.index == context.stages.count - 1
    let folder = isLast ? context.run.path : "\(context.run.evaluationsPath)/\(stage.id)"
    let stored = "\(folder)/results.json"
    if !isLast, FileManager.default.fileExists(atPath: stored) {
      let report = try StoredResults(contentsOf: stored).report
      context.progress.log("\(stage.id): done before, taken from \(stored)")
      context.conclude(report, of: stage, in: folder)
      return
    }
    let report = try EvaluationPass(
      specification: self, stage: stage, context: context, folder: folder
    ).run()
    context.conclude(report, of: stage, in: folder)
  }
}

extension StageContext {
  /// What the command prints, and whether the run succeeds.
  fileprivate func conclude(_ report: EvaluationReport, of stage: RecipeStage, in folder: String) {
    if !summary.isEmpty { summary += "\n" }
    summary += report.terminalTable + "\nreport: \(folder)/report.html\n"
    if !report.keepsThresholds { code = .thresholdMissed }
  }
}

/// An evaluate stage at work.
private struct EvaluationPass {
  /// Test sequences that the transfer loss is measured on; its cost is a teacher pass each.
  private static let transferSequences = 4
  /// Points of a stage's loss curve in the report.
  private static let curvePoints = 400

  let specification: Evaluate
  let stage: RecipeStage
  let context: StageContext
  /// Where results and report are written.
  let folder: String

  func run() throws -> EvaluationReport {
    let start = context.clock()
    let baseline = try specification.baseline.map { try StoredResults(contentsOf: $0) }
    let test = Array(context.data.test.prefix(specification.sequences ?? .max))
    // A model that was pretrained is measured by itself: what it was made of is not its teacher.
    let isAlone = context.stages.arePretraining
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
    let (mean, byLayer) = try transferLoss(test)
    try context.requireTeacher()
    var report = EvaluationReport(
      title: context.name + (folder == context.run.path ? "" : ", \(stage.id)"),
      teacherName: context.teacher.location,
      studentName: student == nil ? nil : context.run.path, variants: outcome.variants,
      transferLoss: mean, transferLossByLayer: byLayer, fidelity: outcome.fidelity,
      training: try training(),
      speed: outcome.speed, cache: outcome.cache, selection: try context.selection(before: stage),
      peakMemoryBytes: ProcessMemory.peakBytes,
      provenance: try provenance(), recipe: context.resolved,
      commands: ["linearize --recipe \(context.run.path)/recipe.json --output runs/again"],
      notes: outcome.notes, textHash: outcome.textHash, date: context.wallClock(),
      seconds: context.clock() - start)
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
    if let warning = try EvaluationFiles.write(report, samples: outcome.samples, to: folder) {
      context.progress.log(warning)
    }
    if let mismatch { throw mismatch }
    return report
  }

  private var progress: EvaluationProgress {
    EvaluationProgress(
      begin: { context.progress.begin(stage: "evaluate \($0)", totalSteps: $1) },
      update: { done, tokens, measures in
        context.progress.update(step: done, tokens: tokens, measures: measures)
        try context.stopIfAsked(in: stage.id)
      }, end: { context.progress.end() })
  }

  /// Losses of the transfer stage before this one, mean and by layer; nil for layers that keep
  /// softmax. Adapters are the student's concern, not the transfer's: inputs are the teacher's.
  private func transferLoss(
    _ test: [PackedSequence]
  ) throws -> (mean: Double?, byLayer: [Double?]) {
    let transfer = context.stages[..<stage.index]
      .compactMap { $0.specification as? any TransferStage }.last
    guard let transfer else { return (nil, []) }
    let objective = LayerObjective(
      teacher: context.teacher.decoder, student: context.student, losses: transfer.losses)
    let means = LossMeans(
      of: try test.prefix(Self.transferSequences)
        .map { try objective.measure(PackedBatch([$0]), share: nil) })
    var byLayer = [Double?](repeating: nil, count: context.student.layers.count)
    for (layer, loss) in means.byLayer { byLayer[layer] = loss }
    return (byLayer.compactMap { $0 }.mean, byLayer)
  }

  /// Curves and costs as the run's own logs tell them, so that resumed runs report all of it.
  private func training() throws -> [TrainingCurve] {
    let metrics = try lines(context.run.metricsPath)
    let timings = try lines(context.run.timingsPath)
    let trained = context.stages[..<stage.index].filter { $0.training != nil }
    return trained.map { stage in
      let own = metrics.filter { $0["stage"]?.stringValue == stage.id }
      let steps = own.filter { $0["loss"] != nil }
      let seconds = timings.filter { $0["stage"]?.stringValue == stage.id }
        .reduce(0) { $0 + ($1["seconds"]?.doubleValue ?? 0) }
      let stride = max(1, (steps.count + Self.curvePoints - 1) / Self.curvePoints)
      let points = steps.enumerated().filter {
        $0.offset % stride == 0 || $0.offset == steps.count - 1
      }.compactMap { Self.point($0.element, "loss") }
      return TrainingCurve(
        stage: stage.id, steps: steps.count,
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
    try TextFile.read(path).split(separator: "\n").map { try JSONValue(parsing: String($0)) }
  }

  private func provenance() throws -> JSONObject {
    let environment = context.environment
    return [
      "recipe": .string(context.name), "seed": .integer(Int(context.seed)),
      "teacher": .string(context.teacher.location),
      "teacherSHA256": .string(try context.teacher.source.contentDigest()),
      "program": .string("linearize \(EnvironmentReport.version)"),
      "libraries": environment["libraries"] ?? .null,
      "processor": environment["processor"]?["model"] ?? .null,
      "system": environment["system"]?["name"] ?? .null,
    ]
  }
}

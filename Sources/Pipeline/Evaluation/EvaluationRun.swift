import Checkpoints
import Corpus
import Documents
import Evaluation
import Foundation
import Results
import Students
import Transformers

/// An evaluation being carried out on a teacher, a student and what lies between them.
struct EvaluationRun {
  let plan: EvaluationPlan
  let teacher: Decoder
  /// nil when a teacher is evaluated by itself.
  let student: Decoder?
  /// nil when the checkpoint carries none: then only what needs no text is measured.
  let tokenizer: Tokenizer?
  /// How an encoder's texts become embeddings.
  var pooling = EmbeddingPooling()
  /// Where the model lies, for messages.
  let location: String
  let seed: UInt64
  /// Seconds of a clock that never goes back.
  let clock: () -> Double
  let progress: EvaluationProgress

  /// What was measured, still without title, thresholds and provenance.
  struct Outcome {
    var variants: [VariantResult] = []
    var fidelity: FidelityResult?
    var speed: SpeedResult?
    var cache: CacheResult?
    /// Lines of `samples_NAME.jsonl` for the student, or the teacher by itself.
    var samples: [(task: String, lines: [JSONValue])] = []
    /// What was asked for and not measured, and why.
    var notes: [String] = []
    /// Over tokens and targets of the text, so that two results can be told to be of the same.
    var textHash: String?
    var seconds = 0.0
  }

  /// - Throws: `TaskError`, `NonFiniteValue`, and what `progress` throws.
  func run() throws -> Outcome {
    if teacher.configuration.isEncoder { return try runEncoder() }
    let start = clock()
    var outcome = Outcome()
    // Every sample is read before the first is scored: a bad line ends no night's work.
    let tasks = try prepareTasks()
    let recall = recallTasks(notes: &outcome.notes)
    if !plan.text.isEmpty {
      outcome.textHash = Digest.sha256(
        of: plan.text.map { "\($0.tokens) \($0.targets)" }.joined(separator: "\n"))
    }
    for row in rows {
      var result = VariantResult(variant: row.variant, detail: row.detail)
      if !plan.text.isEmpty { result.text = try measureText(row) }
      for task in tasks {
        let (scored, lines) = try score(task, row)
        result.tasks.append(scored)
        if row.variant == (student == nil ? .teacher : .student) {
          outcome.samples.append((scored.name, lines))
        }
      }
      if !recall.isEmpty { result.recall = try measureRecall(recall, row) }
      outcome.variants.append(result)
    }
    if let student, let fidelity = plan.fidelity {
      outcome.fidelity = try measureFidelity(fidelity, student, notes: &outcome.notes)
    }
    if let speed = plan.speed {
      outcome.speed = try measureSpeed(speed, notes: &outcome.notes)
    }
    if let student {
      outcome.cache = CacheMeasurement.run(teacher: teacher, student: student)
    }
    outcome.seconds = clock() - start
    return outcome
  }

  typealias Row = AblatedDecoders.Row

  var rows: [Row] {
    guard let student else { return [Row(variant: .teacher, detail: "", decoder: teacher)] }
    var rows: [Row] = []
    if plan.measuresTeacher { rows.append(Row(variant: .teacher, detail: "", decoder: teacher)) }
    rows.append(Row(variant: .student, detail: "", decoder: student))
    if plan.measuresAblations {
      rows += AblatedDecoders(student: student, teacher: teacher).rows
    }
    return rows
  }

  // MARK: Text

  private func measureText(_ row: Row) throws -> PerplexityResult {
    progress.begin("\(row.variant.title): text", plan.text.count)
    var tokens = 0
    let result = try PerplexityMeasurement(row.decoder, clock: clock).run(plan.text) { result in
      try progress.update(
        result.windows.count, result.tokens - tokens, [("perplexity", result.perplexity)])
      tokens = result.tokens
    }
    progress.end()
    // Ablated decoders may well overflow; teacher and student may not.
    if [.teacher, .student].contains(row.variant), !result.perplexity.isFinite {
      throw NonFiniteValue(
        stage: "evaluate \(row.variant.rawValue)", step: result.windows.count,
        quantity: "the perplexity", value: result.perplexity, lastCheckpoint: location)
    }
    return result
  }

  /// Tokens that teacher and student were both made for.
  var maximumLength: Int {
    min(teacher.configuration.maximumPositions, student?.lengthLimit?.tokens ?? .max)
  }

  // MARK: Recall

  private func recallTasks(notes: inout [String]) -> [RecallTask] {
    guard let plan = plan.recall else { return [] }
    guard let tokenizer else {
      notes.append("recall was not measured: \(location) has no tokenizer to make its texts with")
      return []
    }
    let configuration = teacher.configuration
    let associative = AssociativeRecall(
      candidates: AssociativeRecall.words(of: tokenizer, below: configuration.vocabularySize),
      encoder: tokenizer, seed: seed)
    let passkey = PasskeyRetrieval(tokenizer, seed: seed)
    var tasks: [RecallTask] = []
    func add(_ kind: String, _ length: Int, _ make: () throws -> RecallTask) {
      if length > maximumLength {
        notes.append(
          "\(kind) at \(length) tokens was not measured: the model was made for \(maximumLength)")
        return
      }
      do {
        tasks.append(try make())
      } catch {
        notes.append("\(kind) at \(length) tokens was not measured: \(error)")
      }
    }
    for length in plan.associativeLengths {
      add("associative recall", length) {
        try associative.task(length: length, queries: plan.associativeQueries)
      }
    }
    for length in plan.passkeyLengths {
      add("passkey retrieval", length) {
        try passkey.task(length: length, depths: plan.passkeys)
      }
    }
    return tasks
  }

  private func measureRecall(_ tasks: [RecallTask], _ row: Row) throws -> [RecallResult] {
    progress.begin(
      "\(row.variant.title): recall", tasks.reduce(0) { $0 + $1.sequences.count })
    let results = try RecallMeasurement(row.decoder, clock: clock).run(tasks) { done, _ in
      try progress.update(done, 0, [])
    }
    progress.end()
    return results
  }

  // MARK: Speed

  private func measureSpeed(_ plan: SpeedPlan, notes: inout [String]) throws -> SpeedResult? {
    let limit = SpeedMeasurement.limit([teacher] + [student].compactMap { $0 })
    let lengths = SpeedMeasurement.lengths(plan.lengths, within: limit, steps: plan.steps)
    if lengths.isEmpty, let limit {
      notes.append(
        "speed was not measured: no length of \(plan.lengths) leaves room for \(plan.steps) steps: "
          + "the model has \(limit.reason)")
      return nil
    }
    var read = 0
    let result = try SpeedMeasurement(
      lengths: lengths, steps: plan.steps, maximumSeconds: plan.maximumSeconds, clock: clock
    ).run(teacher: teacher, student: student) { done, total in
      if done == 0 { progress.begin("speed", total) }
      try progress.update(done, done - read, [])
      read = done
    }
    progress.end()
    return result
  }

  // MARK: Fidelity

  func measureFidelity(
    _ plan: FidelityPlan, _ student: Decoder, notes: inout [String]
  ) throws -> FidelityResult? {
    let sequences = Array(self.plan.text.prefix(plan.sequences))
    if sequences.isEmpty {
      notes.append("fidelity was not measured: there is no text to measure it on")
      return nil
    }
    let measurement = FidelityMeasurement(
      teacher: teacher, student: student,
      options: FidelityOptions(rowTokens: plan.length, mapTokens: plan.length))
    var result = try measurement.run(sequences) { done, total in
      if done == 1 { progress.begin("fidelity", total) }
      try progress.update(done, 0, [])
    }
    progress.end()
    result.agreement = try measureAgreement(plan, student)
    return result
  }

  /// Continuations of the text's beginnings, of decoders alone.
  private func measureAgreement(
    _ plan: FidelityPlan, _ student: Decoder
  ) throws -> FidelityResult.Agreement? {
    if teacher.configuration.isEncoder { return nil }
    let prompts = GreedyAgreement.prompts(
      of: self.plan.text, count: plan.prompts,
      limit: SpeedMeasurement.limit([teacher, student])?.tokens)
    if prompts.isEmpty { return nil }
    progress.begin("greedy agreement", prompts.count)
    let agreement = try GreedyAgreement(teacher, prompts: prompts) {
      try progress.update($0, GreedyAgreement.continuationTokens, [])
    }
    progress.end()
    return FidelityResult.Agreement(
      prompts: agreement.prompts, tokens: GreedyAgreement.continuationTokens,
      student: agreement.meanLength(of: student),
      untrained: rows.first { $0.variant == .teacherWindowSinks }
        .map { agreement.meanLength(of: $0.decoder) })
  }
}

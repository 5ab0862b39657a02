import Corpus
import Differentiation
import Documents
import Foundation
import Models
import TensorCore
import Training

/// Optimizer steps with everything that a run at night needs: sequences and micro-batches, means,
/// schedule, validation, the best weights, metrics, checkpoints, signals, and a stop at the first
/// number that is none.
final class TrainingLoop {
  let name: String
  private let specification: TrainingSpecification
  private let data: RecipeData
  private let totalSteps: Int
  private let parameters: [(name: String, parameter: Parameter)]
  private let context: StageContext
  private let checkpoints: StageCheckpoints
  private let optimizer: AdamW
  private var schedule: LearningRateSchedule
  /// The optimizer's group of every parameter; nil for the rates of all others.
  private let groups: [ParameterGroup?]
  private var best: (loss: Double, step: Int, values: [Tensor])?
  /// Steps done by the newest checkpoint.
  private var savedStep = 0

  /// Member of a checkpoint that was made before its step's validation was done.
  static let pendingValidation = "pendingValidation"

  /// - Parameters:
  ///   - name: of the stage, also the folder of its checkpoints.
  ///   - data: what is trained and validated on.
  ///   - parameters: what is trained, under their checkpoint names.
  ///   - decaysVectors: whether weight decay acts on biases, norms and factors too.
  ///   - checksGroups: whether every group has to name one of these parameters.
  /// - Throws: `StageMistake` for a schedule longer than the stage, and groups without parameters.
  init(
    _ name: String, _ specification: TrainingSpecification, data: RecipeData,
    parameters: [(name: String, parameter: Parameter)], context: StageContext,
    decaysVectors: Bool, checksGroups: Bool = true
  ) throws {
    self.name = name
    self.specification = specification
    self.data = data
    totalSteps = specification.steps(on: data)
    self.parameters = parameters
    self.context = context
    checkpoints = StageCheckpoints(
      folder: try context.run.checkpointsPath(stage: name), log: { context.progress.log($0) })
    try Self.check(
      name, specification, totalSteps: totalSteps, checksGroups ? parameters.map(\.name) : nil)
    groups = parameters.map { entry in
      specification.optimizer.groups.first { $0.includes(entry.name) }
    }
    optimizer = AdamW(
      parameters.map(\.parameter), specification.optimizer,
      decays: { decaysVectors || $0.isMatrix })
    schedule = LearningRateSchedule(
      specification.schedule, learningRate: specification.optimizer.learningRate,
      totalSteps: totalSteps)
  }

  /// - Parameter names: of what is trained; nil for a part of it.
  /// - Throws: `StageMistake`.
  static func check(
    _ name: String, _ specification: TrainingSpecification, totalSteps: Int, _ names: [String]?
  ) throws {
    let warmup = specification.schedule.warmupSteps
    if totalSteps <= warmup {
      throw StageMistake(
        stage: name, field: "schedule.warmupSteps",
        problem: "found \(warmup), expected fewer than the \(totalSteps) steps that the stage's "
          + "epochs have; give more text, smaller batches or a shorter warm-up")
    }
    guard let names else { return }
    for (index, group) in specification.optimizer.groups.enumerated()
    where !names.contains(where: group.includes) {
      throw StageMistake(
        stage: name, field: "optimizer.groups[\(index)].parameters",
        problem: "names nothing that the stage trains; expected patterns of names such as "
          + "\"\(names.first ?? "*")\"")
    }
  }

  private func learningRate(of group: ParameterGroup?, _ common: Double) -> Double {
    group.map { schedule.learningRate(from: $0.learningRate, to: $0.finalLearningRate) } ?? common
  }

  /// Trains to the end of the stage, from where its checkpoints say it was.
  ///
  /// - Throws: `Preempted` after saving, `NonFiniteValue`, and what the objective throws.
  func run(_ objective: any Objective) throws {
    let (first, isValidationPending) = try restore()
    context.progress.begin(stage: name, totalSteps: totalSteps, firstStep: first)
    if first == 0 { try stopping(after: 0) { try validateStart(objective) } }
    if isValidationPending { try validatePending(after: first - 1, objective) }
    for step in first..<totalSteps {
      let start = context.clock()
      let (means, tokens) = try stopping(after: step) { try train(objective, step: step) }
      let norm = optimizer.gradientNorm
      try requireFinite(means, step: step)
      try requireFinite("the gradient's norm", norm, step: step)
      let learningRate = schedule.learningRate
      let groupRates = specification.optimizer.groups.map {
        self.learningRate(of: $0, learningRate)
      }
      optimizer.step(
        learningRates: groups.map { self.learningRate(of: $0, learningRate) }, norm: norm)
      schedule.advance()
      let record = StepRecord(
        step: step + 1, means: means, tokens: tokens, learningRate: learningRate,
        groupRates: groupRates, gradientNorm: norm)
      try context.metrics.append(record.metrics(stage: name))
      let log = { (validationLoss: Double?) in
        try self.log(record, since: start, validationLoss: validationLoss)
      }
      let validate = { try self.validateIfDue(after: step, objective) }
      let validationLoss = try stopping(
        after: step + 1, isValidating: true, whenStopped: { try log(nil) }, validate)
      try log(validationLoss)
      context.progress.update(step: step + 1, tokens: tokens, measures: [("loss", means.loss)])
      // One that comes after this is noticed within the next step: what it is told to be saved must be.
      let signal = context.interruption.signalName
      if isSaveDue(after: step) || signal != nil { try save(step: step + 1) }
      if let signal { throw Preempted(stage: name, step: step + 1, signalName: signal) }
    }
    context.progress.end()
    if specification.keepBest, let best {
      for (entry, value) in zip(parameters, best.values) { entry.parameter.value = value }
    }
  }

  private func isSaveDue(after step: Int) -> Bool {
    (step + 1) % specification.checkpointEvery == 0 || step + 1 == totalSteps
  }

  private func log(_ record: StepRecord, since start: Double, validationLoss: Double?) throws {
    let seconds = context.clock() - start
    let memory = ProcessMemory.peakBytes
    try context.timings.append(
      record.timings(stage: name, seconds: seconds, peakMemoryBytes: memory))
    context.scalars.append(
      record.scalars(
        seconds: seconds, peakMemoryBytes: memory, validationLoss: validationLoss,
        layers: context.student.layers.count), stage: name, step: record.step
    ) { context.progress.log($0) }
  }

  // MARK: Signals

  /// Does what changes nothing that a checkpoint holds until it is done. When a signal is noticed within
  /// it, what was done before is saved, and nothing of it: a step of a large model takes minutes, and
  /// Slurm waits half a minute.
  ///
  /// - Parameters:
  ///   - step: steps that are done.
  ///   - isValidating: whether it is the validation after the last of them, to be done when the stage
  ///     goes on.
  ///   - whenStopped: done before saving.
  private func stopping<Result>(
    after step: Int, isValidating: Bool = false, whenStopped: () throws -> Void = {},
    _ body: () throws -> Result
  ) throws -> Result {
    do {
      return try body()
    } catch let request as StopRequest {
      try whenStopped()
      if step > savedStep { try save(step: step, isValidationPending: isValidating) }
      throw Preempted(stage: name, step: step, signalName: request.signalName)
    }
  }

  // MARK: Batches

  /// Gradients of one step: this process's micro-batches, one after the other.
  private func train(
    _ objective: any Objective, step: Int
  ) throws -> (means: LossMeans, tokens: Int) {
    let indices = data.trainingIndices(step: step, count: specification.sequencesPerStep)
    let (size, count) = (specification.batchSize, specification.gradientAccumulation)
    let share = 1 / Double(count)
    var measured: [[LossTerm]] = []
    var tokens = 0
    for micro in stride(from: context.job.rank, to: count, by: context.job.size) {
      try context.interruption.check()
      let part = indices[micro * size..<(micro + 1) * size]
      let batch = MicroBatch(
        sequences: PackedBatch(part.map { data.train[$0] }), places: part.map { .train($0) },
        number: step * count + micro)
      measured.append(try objective.measure(batch, share: share))
      tokens += batch.tokens
    }
    return (LossMeans(of: measured, share: share), tokens)
  }

  private func validationMeans(_ objective: any Objective) throws -> LossMeans {
    let size = objective.validationBatchSize
    let measured = try stride(from: 0, to: data.validation.count, by: size).map { start in
      try context.interruption.check()
      let part = start..<min(start + size, data.validation.count)
      return try objective.measure(
        MicroBatch(
          sequences: PackedBatch(part.map { data.validation[$0] }),
          places: part.map { .validation($0) }, number: nil),
        share: nil)
    }
    return LossMeans(of: measured)
  }

  /// What the stage begins with may be better than all that it makes of it. The schedule does not see
  /// this loss: a plateau is one of training.
  private func validateStart(_ objective: any Objective) throws {
    if data.validation.isEmpty || !specification.keepBest { return }
    let means = try validationMeans(objective)
    try requireFinite(means, step: -1)
    try keepIfBest(means.loss, step: 0)
  }

  private func keepIfBest(_ loss: Double, step: Int) throws {
    if loss < best?.loss ?? .infinity { best = (loss, step, parameters.map(\.parameter.value)) }
    try context.metrics.append([
      "stage": .string(name), "step": .integer(step), "validationLoss": .number(loss),
    ])
  }

  /// - Returns: the validation loss when it was due.
  private func validateIfDue(after step: Int, _ objective: any Objective) throws -> Double? {
    if data.validation.isEmpty { return nil }
    let isLast = step + 1 == totalSteps
    let isDue = specification.evaluateEvery.map { (step + 1) % $0 == 0 } ?? false
    guard isDue || isLast else { return nil }
    let loss = try validationMeans(objective).loss
    try requireFinite("the validation loss", loss, step: step)
    schedule.observe(validationLoss: loss)
    try keepIfBest(loss, step: step + 1)
    return loss
  }

  /// Validation that a signal broke off, before anything else is done.
  private func validatePending(after step: Int, _ objective: any Objective) throws {
    let loss = try stopping(after: step + 1) { try validateIfDue(after: step, objective) }
    if let loss {
      context.scalars.append([("validation_loss", loss)], stage: name, step: step + 1) {
        context.progress.log($0)
      }
    }
    if isSaveDue(after: step) { try save(step: step + 1) }
  }

  private func requireFinite(_ means: LossMeans, step: Int) throws {
    for (layer, loss) in means.byLayer {
      try requireFinite("the loss of layer \(layer)", loss, step: step)
    }
    try requireFinite("the loss", means.loss, step: step)
  }

  private func requireFinite(_ quantity: String, _ value: Double, step: Int) throws {
    if value.isFinite { return }
    throw NonFiniteValue(
      stage: name, step: step + 1, quantity: quantity, value: value,
      lastCheckpoint: checkpoints.lastSaved)
  }

  // MARK: Checkpoints

  private func save(step: Int, isValidationPending: Bool = false) throws {
    try context.requireTeacher()
    try context.metrics.synchronize()
    var tensors: [(String, Tensor)] = []
    for (entry, moment) in zip(parameters, optimizer.state) {
      tensors.append((entry.name, entry.parameter.value))
      tensors.append(("optimizer/first/\(entry.name)", moment.first))
      tensors.append(("optimizer/second/\(entry.name)", moment.second))
    }
    if let best {
      for (entry, value) in zip(parameters, best.values) {
        tensors.append(("best/\(entry.name)", value))
      }
    }
    var state: JSONObject = [
      "stage": .string(name), "step": .integer(step), "totalSteps": .integer(totalSteps),
      "schedule": schedule.state, "metricsPosition": .integer(context.metrics.position),
      "bestLoss": best.map { .number($0.loss) } ?? .null,
      "bestStep": best.map { .integer($0.step) } ?? .null,
    ]
    if isValidationPending { state[Self.pendingValidation] = true }
    try checkpoints.save(TrainingState(step: step, document: .object(state), tensors: tensors))
    savedStep = step
    try context.run.setStatus(RunStatus(state: .running, stage: name, step: step))
  }

  /// - Returns: steps done before, and whether the last one's validation is still to be done.
  private func restore() throws -> (step: Int, isValidationPending: Bool) {
    guard let state = try checkpoints.latest() else {
      let status = try context.run.status()
      if let status, status.stage == name, status.step > 0 {
        throw LostCheckpoints(stage: name, step: status.step, folder: checkpoints.folder)
      }
      return (0, false)
    }
    let read = state.tensor
    let moments = try parameters.map { entry in
      let shape = entry.parameter.value.shape
      entry.parameter.value = try read(entry.name, shape)
      return (
        first: try read("optimizer/first/\(entry.name)", shape),
        second: try read("optimizer/second/\(entry.name)", shape)
      )
    }
    optimizer.restore(step: state.step, moments: moments)
    try schedule.restore(state.document["schedule"] ?? .null)
    if let loss = state.document["bestLoss"]?.doubleValue,
      let step = state.document["bestStep"]?.intValue
    {
      best = (
        loss, step,
        try parameters.map { try read("best/\($0.name)", $0.parameter.value.shape) }
      )
    }
    context.progress.log("\(name): continues after step \(state.step)")
    savedStep = state.step
    return (state.step, state.isValidationPending)
  }
}

import Differentiation
import Documents
import Foundation
import Models
import TensorCore
import Training

/// What one optimizer step measured before the optimizer moved.
struct StepMeasures {
  var loss: Double
  /// Tokens that took part.
  var tokens: Int
  /// Of the layers that are trained by losses of their own; empty where there is one loss for all.
  var lossByLayer: [(layer: Int, loss: Double)] = []
  /// What the loss is made of, before weights, where it has several parts.
  var parts: [(name: String, value: Double)] = []
}

/// Optimizer steps with everything that a run at night needs: schedule, validation, the best
/// weights, metrics, checkpoints, signals, and a stop at the first number that is none.
final class TrainingLoop {
  let name: String
  private let specification: TrainingSpecification
  private let totalSteps: Int
  private let parameters: [(name: String, parameter: Parameter)]
  private let context: StageContext
  private let checkpoints: StageCheckpoints
  private let optimizer: AdamW
  private var schedule: LearningRateSchedule
  /// The optimizer's group of every parameter; nil for the rates of all others.
  private let groups: [ParameterGroup?]
  private var best: (loss: Double, step: Int, values: [Tensor])?

  /// - Parameters:
  ///   - name: stage, also the folder of its checkpoints.
  ///   - parameters: what is trained, under their checkpoint names.
  ///   - decaysVectors: whether weight decay acts on biases, norms and factors too.
  ///   - checksGroups: whether every group has to name one of these parameters.
  /// - Throws: `StageMistake` for a schedule longer than the stage, and groups without parameters.
  init(
    _ name: String, _ specification: TrainingSpecification, totalSteps: Int,
    parameters: [(name: String, parameter: Parameter)], context: StageContext,
    decaysVectors: Bool = true, checksGroups: Bool = true
  ) throws {
    self.name = name
    self.specification = specification
    self.totalSteps = totalSteps
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

  /// - Parameters:
  ///   - train: computes the gradients of a step, counted from 0.
  ///   - validate: the validation loss; nil when the recipe asks for none.
  /// - Throws: `Preempted` after saving, `NonFiniteValue`, and what the closures throw.
  func run(train: (Int) throws -> StepMeasures, validate: (() throws -> Double)?) throws {
    let first = try restore()
    context.progress.begin(stage: name, totalSteps: totalSteps, firstStep: first)
    for step in first..<totalSteps {
      let start = context.clock()
      let measures = try train(step)
      let norm = optimizer.gradientNorm
      try requireFinite("the loss", measures.loss, step: step)
      try requireFinite("the gradient's norm", norm, step: step)
      let learningRate = schedule.learningRate
      let groupRates = specification.optimizer.groups.map {
        self.learningRate(of: $0, learningRate)
      }
      optimizer.step(
        learningRates: groups.map { self.learningRate(of: $0, learningRate) }, norm: norm)
      schedule.advance()
      var metrics = JSONObject([
        ("stage", .string(name)), ("step", .integer(step + 1)), ("loss", .number(measures.loss)),
        ("learningRate", .number(learningRate)), ("gradientNorm", .number(norm)),
        ("tokens", .integer(measures.tokens)),
      ])
      if !groupRates.isEmpty {
        metrics["groupLearningRates"] = .array(groupRates.map { .number($0) })
      }
      for (name, value) in measures.parts { metrics[name] = .number(value) }
      if !measures.lossByLayer.isEmpty {
        metrics["lossByLayer"] = .array(measures.lossByLayer.map { .number($0.loss) })
      }
      try context.metrics.append(.object(metrics))
      let validationLoss = try validateIfDue(after: step, validate)
      let seconds = context.clock() - start
      let tokensPerSecond = Double(measures.tokens) / max(seconds, 1e-9)
      let memory = ProcessMemory.peakBytes
      try context.timings.append([
        "stage": .string(name), "step": .integer(step + 1), "seconds": .number(seconds),
        "tokensPerSecond": .number(tokensPerSecond), "peakMemoryBytes": .integer(memory),
      ])
      var scalars: [(tag: String, value: Double)] = [
        ("loss", measures.loss), ("learning_rate", learningRate), ("gradient_norm", norm),
        ("tokens_per_second", tokensPerSecond), ("peak_memory_bytes", Double(memory)),
      ]
      if let validationLoss { scalars.append(("validation_loss", validationLoss)) }
      scalars += groupRates.enumerated().map { ("learning_rate/group_\($0)", $1) }
      scalars += measures.parts.map { ("loss/\($0.name)", $0.value) }
      scalars += layerScalars(measures)
      context.scalars.append(scalars, stage: name, step: step + 1) { context.progress.log($0) }
      context.progress.update(
        step: step + 1, tokens: measures.tokens, measures: [("loss", measures.loss)])
      let isDue = (step + 1) % specification.checkpointEvery == 0 || step + 1 == totalSteps
      if isDue || context.interruption.isRequested { try save(step: step + 1) }
      if let signal = context.interruption.signalName {
        throw Preempted(stage: name, step: step + 1, signalName: signal)
      }
    }
    context.progress.end()
    if specification.keepBest, let best {
      for (entry, value) in zip(parameters, best.values) { entry.parameter.value = value }
    }
  }

  /// `loss/layer_07`: tags sort as layers do.
  private func layerScalars(_ measures: StepMeasures) -> [(tag: String, value: Double)] {
    let width = max(2, String(context.student.layers.count - 1).count)
    return measures.lossByLayer.map { layer, loss in
      let digits = String(layer)
      let zeros = String(repeating: "0", count: width - digits.count)
      return ("loss/layer_" + zeros + digits, loss)
    }
  }

  /// - Returns: the validation loss when it was due.
  private func validateIfDue(after step: Int, _ validate: (() throws -> Double)?) throws -> Double?
  {
    guard let validate else { return nil }
    let isLast = step + 1 == totalSteps
    let isDue = specification.evaluateEvery.map { (step + 1) % $0 == 0 } ?? false
    guard isDue || isLast else { return nil }
    let loss = try validate()
    try requireFinite("the validation loss", loss, step: step)
    schedule.observe(validationLoss: loss)
    if loss < best?.loss ?? .infinity {
      best = (loss, step + 1, parameters.map(\.parameter.value))
    }
    try context.metrics.append([
      "stage": .string(name), "step": .integer(step + 1), "validationLoss": .number(loss),
    ])
    return loss
  }

  private func requireFinite(_ quantity: String, _ value: Double, step: Int) throws {
    if value.isFinite { return }
    throw NonFiniteValue(
      stage: name, step: step + 1, quantity: quantity, value: value,
      lastCheckpoint: checkpoints.lastSaved)
  }

  // MARK: Checkpoints

  private func save(step: Int) throws {
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
    let state: JSONValue = [
      "stage": .string(name), "step": .integer(step), "totalSteps": .integer(totalSteps),
      "schedule": schedule.state, "metricsPosition": .integer(context.metrics.position),
      "bestLoss": best.map { .number($0.loss) } ?? .null,
      "bestStep": best.map { .integer($0.step) } ?? .null,
    ]
    try checkpoints.save(TrainingState(step: step, document: state, tensors: tensors))
    try context.run.setStatus(RunStatus(state: .running, stage: name, step: step))
  }

  /// - Returns: steps done before.
  private func restore() throws -> Int {
    guard let state = try checkpoints.latest() else { return 0 }
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
    return state.step
  }
}

import Documents
import Training

/// How long a stage trains.
public enum TrainingLength: Sendable, Equatable {
  /// Optimizer steps, each over `batchSize * gradientAccumulation` sequences.
  case steps(Int)
  /// Passes over the training sequences.
  case epochs(Int)

  /// Optimizer steps for a number of training sequences; what does not fill a last step is left.
  public func steps(sequences: Int, sequencesPerStep: Int) -> Int {
    switch self {
    case .steps(let steps): steps
    case .epochs(let epochs): epochs * sequences / sequencesPerStep
    }
  }
}

/// What every training stage is told: how long, in what portions, at what rate, and how often it
/// looks and saves.
public struct TrainingSpecification: Sendable, Equatable {
  /// How long the stage trains.
  public var length: TrainingLength
  /// Sequences that go through the model together.
  public var batchSize: Int
  /// Batches whose gradients one optimizer step averages.
  public var gradientAccumulation: Int
  /// AdamW's rates, decays and clipping.
  public var optimizer: OptimizerSpecification
  /// How the learning rate goes over the stage.
  public var schedule: ScheduleSpecification
  /// Optimizer steps between two losses on validation data; the last step is always followed by
  /// one. `nil` evaluates after the last step alone.
  public var evaluateEvery: Int?
  /// Optimizer steps between two checkpoints, and so the most that a killed run loses.
  public var checkpointEvery: Int
  /// Whether the stage ends with the weights of its best validation loss instead of the last.
  public var keepBest: Bool

  /// Sequences that one optimizer step sees.
  public var sequencesPerStep: Int { batchSize * gradientAccumulation }

  init(_ reader: DocumentReader, learningRate: Double) {
    let steps = reader.optionalInteger(
      "steps", in: 1...(1 << 31), "Optimizer steps to take. Give this or \"epochs\".")
    let epochs = reader.optionalInteger(
      "epochs", in: 1...(1 << 20),
      "Passes over the training sequences to make. Give this or \"steps\".")
    length = steps.map(TrainingLength.steps) ?? .epochs(epochs ?? 1)
    batchSize = reader.integer(
      "batchSize", in: 1...65_536, default: 1, "Sequences that go through the model together.")
    gradientAccumulation = reader.integer(
      "gradientAccumulation", in: 1...65_536, default: 8,
      "Batches whose gradients one optimizer step averages.")
    optimizer = reader.object("optimizer", "AdamW.") {
      OptimizerSpecification($0, learningRate: learningRate)
    }
    schedule = reader.object(
      "schedule", "How the learning rate goes over the stage.", ScheduleSpecification.init)
    evaluateEvery = reader.optionalInteger(
      "evaluateEvery", in: 1...Int.max,
      "Optimizer steps between two losses on validation data; null evaluates after the last step.")
    checkpointEvery = reader.integer(
      "checkpointEvery", in: 1...Int.max, default: 50,
      "Optimizer steps between two checkpoints: the most that a killed run loses.")
    keepBest = reader.boolean(
      "keepBest", default: true,
      "End with the weights of the best validation loss, those of the start included, instead of the last "
        + "step's.")
    reportConflicts(to: reader)
  }

  private func reportConflicts(to reader: DocumentReader) {
    let given = ["steps", "epochs"].filter { reader.isGiven($0) }
    if given.isEmpty { reader.report("steps", "is missing; give either \"steps\" or \"epochs\"") }
    if given.count == 2 {
      reader.report("epochs", "is given beside \"steps\"; give one of the two and remove the other")
    }
    if case .steps(let steps) = length, schedule.warmupSteps >= steps {
      reader.report(
        "schedule.warmupSteps",
        "found \(schedule.warmupSteps), expected fewer than the stage's \(steps) steps")
    }
    switch schedule {
    case .decay(let decay):
      if decay.finalLearningRate > optimizer.learningRate {
        reader.report(
          "schedule.finalLearningRate",
          "found \(decay.finalLearningRate), expected at most optimizer.learningRate, "
            + "\(optimizer.learningRate)")
      }
    case .plateau(_, _, let minimum):
      if minimum > optimizer.learningRate {
        reader.report(
          "schedule.minimumLearningRate",
          "found \(minimum), expected at most optimizer.learningRate, \(optimizer.learningRate)")
      }
      if evaluateEvery == nil {
        reader.report(
          "evaluateEvery",
          "is missing; a plateau schedule reads the validation loss, so say how often to take it")
      }
    case .constant:
      break
    }
    for (index, group) in optimizer.groups.enumerated() {
      reportConflicts(of: group, at: "optimizer.groups[\(index)]", to: reader)
    }
  }

  private func reportConflicts(
    of group: ParameterGroup, at path: String, to reader: DocumentReader
  ) {
    switch schedule {
    case .plateau:
      reader.report(
        path, "stands beside a plateau schedule, which has one learning rate; choose another kind")
    case .constant:
      if group.finalLearningRate != nil {
        reader.report(
          "\(path).finalLearningRate",
          "has no effect with a constant schedule; choose one that decays")
      }
    case .decay(let decay):
      let final = group.finalLearningRate ?? decay.finalLearningRate
      if final > group.learningRate {
        reader.report(
          "\(path).finalLearningRate",
          "found \(final)\(group.finalLearningRate == nil ? " of the schedule" : ""), expected at "
            + "most the group's learningRate, \(group.learningRate)")
      }
      if decay.shape == .exponential, final == 0 {
        reader.report(
          "\(path).finalLearningRate",
          "found 0, expected a number above 0; an exponential never ends at 0")
      }
    }
  }
}

import Documents
import Foundation

/// The learning rate of the next optimizer step: a value that is moved on by steps and by losses
/// on validation data, and whose state a checkpoint holds.
///
/// With `s` the step from 0, `w` the warm-up steps, `T` the total, `p = (s - w) / (T - w)` clipped
/// to 0...1, and `q = (p - start) / (end - start)` clipped likewise:
///
///     warm-up          what follows, times a + (1 - a) s / w           s < w
///                      a = 1 / (w + 1), or the schedule's warmupStart
///     linear           final + (rate - final) (1 - q)
///     cosine           final + (rate - final) (1 + cos(pi q)) / 2
///     quarter-cosine   final + (rate - final) cos(pi q / 2)
///     exponential      rate (final / rate)^q
///     one-minus-sqrt   final + (rate - final) (1 - sqrt(q))
///
/// The last three, and the warm-up from 0.01, are those of RADLADS' code.
public struct LearningRateSchedule: Sendable, Equatable {
  /// The schedule as the recipe states it.
  public let specification: ScheduleSpecification
  /// Optimizer steps of the whole stage.
  public let totalSteps: Int
  /// The optimizer's rate, before any schedule.
  let baseLearningRate: Double

  /// Optimizer steps taken.
  public private(set) var step = 0
  private var plateau: Plateau

  /// torch.optim.lr_scheduler.ReduceLROnPlateau with mode min, relative threshold 1e-4, cooldown 0
  /// and its rule that a reduction by less than 1e-8 is none.
  private struct Plateau: Sendable, Equatable {
    var learningRate: Double
    var best = Double.infinity
    var badEvaluations = 0

    mutating func observe(_ loss: Double, factor: Double, patience: Int, minimum: Double) {
      if loss < best * (1 - 1e-4) {
        best = loss
        badEvaluations = 0
      } else {
        badEvaluations += 1
      }
      guard badEvaluations > patience else { return }
      let reduced = max(learningRate * factor, minimum)
      if learningRate - reduced > 1e-8 { learningRate = reduced }
      badEvaluations = 0
    }
  }

  /// - Parameter totalSteps: Optimizer steps of the whole stage; above the warm-up.
  public init(
    _ specification: ScheduleSpecification, learningRate: Double, totalSteps: Int
  ) {
    precondition(
      totalSteps > specification.warmupSteps,
      "\(specification.warmupSteps) warm-up steps need more than \(totalSteps) steps in all")
    self.specification = specification
    self.totalSteps = totalSteps
    baseLearningRate = learningRate
    plateau = Plateau(learningRate: learningRate)
  }

  /// The rate of the step that comes next.
  public var learningRate: Double {
    if case .plateau = specification { return plateau.learningRate }
    return learningRate(from: baseLearningRate, to: nil)
  }

  /// The same for parameters with ends of their own.
  ///
  /// - Parameter final: nil for the schedule's.
  /// - Precondition: the schedule is no plateau.
  public func learningRate(from rate: Double, to final: Double?) -> Double {
    let warmup = specification.warmup
    guard step < warmup.steps else { return decayed(rate, to: final) }
    guard let start = warmup.start else {
      return rate * Double(step + 1) / Double(warmup.steps + 1)
    }
    return rate * (start + (1 - start) * Double(step) / Double(warmup.steps))
  }

  private func decayed(_ rate: Double, to final: Double?) -> Double {
    guard case .decay(let decay) = specification else { return rate }
    let final = final ?? decay.finalLearningRate
    let warmup = decay.warmup.steps
    let progress = min(1, Double(step - warmup) / Double(totalSteps - warmup))
    let fallen = min(1, max(0, (progress - decay.start) / (decay.end - decay.start)))
    let remaining =
      switch decay.shape {
      case .linear: 1 - fallen
      case .cosine: (1 + cos(.pi * fallen)) / 2
      case .quarterCosine: cos(.pi / 2 * fallen)
      case .oneMinusSqrt: 1 - fallen.squareRoot()
      case .exponential: 0.0
      }
    if decay.shape == .exponential { return rate * exp(log(final / rate) * fallen) }
    return final + (rate - final) * remaining
  }

  /// Call once after every optimizer step.
  public mutating func advance() { step += 1 }

  /// Call with every loss on validation data; only a plateau listens.
  public mutating func observe(validationLoss loss: Double) {
    if case .plateau(let factor, let patience, let minimum) = specification {
      plateau.observe(loss, factor: factor, patience: patience, minimum: minimum)
    }
  }

  // MARK: Checkpoints

  /// Everything that steps and losses have changed. Swift spells a Double with the digits that
  /// give the same bits back, so a resumed schedule continues exactly.
  public var state: JSONValue {
    [
      "step": .integer(step),
      "learningRate": .number(plateau.learningRate),
      "best": plateau.best.isFinite ? .number(plateau.best) : .null,
      "badEvaluations": .integer(plateau.badEvaluations),
    ]
  }

  /// - Throws: `DocumentError` when the state is not one of a schedule.
  public mutating func restore(_ state: JSONValue) throws(DocumentError) {
    let (step, plateau) = try DocumentReader.read(state, at: "$.schedule") { reader in
      (
        reader.integer("step", "Optimizer steps taken."),
        Plateau(
          learningRate: reader.number("learningRate", "Rate that plateaus have left."),
          best: reader.optionalNumber("best", "Best loss seen.") ?? .infinity,
          badEvaluations: reader.integer("badEvaluations", "Evaluations without a better loss."))
      )
    }
    self.step = step
    self.plateau = plateau
  }
}

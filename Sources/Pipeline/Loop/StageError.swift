import Documents

/// A loss or gradient that is no number: the stage stops before anything is published.
public struct NonFiniteValue: ExitCoded, Equatable, CustomStringConvertible {
  /// The stage's id.
  public let stage: String
  /// Optimizer step, from 1; 0 before the first.
  public let step: Int
  /// What is not finite: "the loss of layer 7".
  public let quantity: String
  /// What was found: a NaN or an infinity.
  public let value: Double
  /// The newest checkpoint before it; nil when there is none.
  public let lastCheckpoint: String?

  public var exitCode: ExitCode { .badData }
  public var description: String {
    let kept =
      lastCheckpoint.map { "the checkpoint \($0) is kept" } ?? "no checkpoint was written yet"
    // Before the first step no rate can be to blame.
    let remedy =
      step == 0
      ? "Look" : "Lower optimizer.learningRate, set optimizer.clipGradientNorm, or look"
    return
      "\(stage), \(step == 0 ? "before the first step" : "step \(step)"): \(quantity) is \(value), expected a finite number; \(kept). \(remedy) at the teacher's weights and the text"
  }
}

/// A stage of a recipe that does not fit its text or its model, found before its first step.
public struct StageMistake: ExitCoded, Equatable, CustomStringConvertible {
  /// The stage's id or name.
  public let stage: String
  /// Key below the stage.
  public let field: String
  /// What was found and what was expected.
  public let problem: String

  public var exitCode: ExitCode { .recipe }
  public var description: String { "the stage \"\(stage)\", \(field): \(problem)" }
}

/// A key below a stage, and what is wrong there, as the end of a sentence that begins with the key.
struct StageField: Equatable {
  let key: String
  let problem: String
}

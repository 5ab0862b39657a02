import Evaluation

/// What is to be measured, whoever asks: the evaluate stage of a recipe, or the command.
public struct EvaluationPlan {
  /// Sequences for perplexity and fidelity; may be empty.
  public var text: [EvaluationSequence]
  public var tasks: [(task: EvaluationTask, limit: Int?)]
  /// Beside a student: the teacher it stands on.
  public var measuresTeacher: Bool
  /// Beside a student: its halves, no attention, and the untrained teacher with window and sinks.
  public var measuresAblations: Bool
  public var recall: RecallPlan?
  public var fidelity: FidelityPlan?
  public var speed: SpeedPlan?

  public init(
    text: [EvaluationSequence] = [], tasks: [(task: EvaluationTask, limit: Int?)] = [],
    measuresTeacher: Bool = true, measuresAblations: Bool = true, recall: RecallPlan? = nil,
    fidelity: FidelityPlan? = nil, speed: SpeedPlan? = nil
  ) {
    self.text = text
    self.tasks = tasks
    self.measuresTeacher = measuresTeacher
    self.measuresAblations = measuresAblations
    self.recall = recall
    self.fidelity = fidelity
    self.speed = speed
  }
}

/// How an evaluation tells how far it is; what `update` throws ends it.
public struct EvaluationProgress {
  public var begin: (_ name: String, _ total: Int) -> Void
  public var update: (_ done: Int, _ tokens: Int, _ measures: [(String, Double)]) throws -> Void
  public var end: () -> Void

  public init(
    begin: @escaping (_ name: String, _ total: Int) -> Void,
    update: @escaping (_ done: Int, _ tokens: Int, _ measures: [(String, Double)]) throws -> Void,
    end: @escaping () -> Void
  ) {
    self.begin = begin
    self.update = update
    self.end = end
  }

  public static var silent: EvaluationProgress {
    EvaluationProgress(begin: { _, _ in }, update: { _, _, _ in }, end: {})
  }
}

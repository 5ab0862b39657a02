import Evaluation

/// What is to be measured, whoever asks: the evaluate stage of a recipe, or the command.
public struct EvaluationPlan {
  /// Sequences for perplexity and fidelity; may be empty.
  public var text: [EvaluationSequence]
  /// Tasks, and how many samples of each at most.
  public var tasks: [(task: EvaluationTask, limit: Int?)]
  /// Beside a student: the teacher it stands on.
  public var measuresTeacher: Bool
  /// Beside a student: its parts alone, no attention, and the untrained teacher with window and sinks.
  public var measuresAblations: Bool
  /// How retrieval from the context is asked for; nil not at all.
  public var recall: RecallPlan?
  /// On how much text attention is compared; nil not at all.
  public var fidelity: FidelityPlan?
  /// At which lengths models are timed; nil not at all.
  public var speed: SpeedPlan?

  /// A plan that measures what it is given.
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
  /// A part of the work begins: its name, and how many units it has.
  public var begin: (_ name: String, _ total: Int) -> Void
  /// Units done so far, tokens since the last call, and numbers worth telling.
  public var update: (_ done: Int, _ tokens: Int, _ measures: [(String, Double)]) throws -> Void
  /// The part is done.
  public var end: () -> Void

  /// Progress told to three closures.
  public init(
    begin: @escaping (_ name: String, _ total: Int) -> Void,
    update: @escaping (_ done: Int, _ tokens: Int, _ measures: [(String, Double)]) throws -> Void,
    end: @escaping () -> Void
  ) {
    self.begin = begin
    self.update = update
    self.end = end
  }

  /// Progress that nobody is told.
  public static var silent: EvaluationProgress {
    EvaluationProgress(begin: { _, _ in }, update: { _, _, _ in }, end: {})
  }
}

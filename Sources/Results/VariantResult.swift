/// What was measured: the teacher, the student, and the student with parts switched off. Without
/// these rows beside each other no report can say what a student's memory was worth
/// (arXiv 2510.05901).
public enum ModelVariant: String, Sendable, CaseIterable {
  case teacher
  case student
  /// The student's softmax window and sinks alone.
  case windowOnly
  /// The student's memory alone, of the keys that it has in the student. Files of before call it
  /// linear, as all memories were.
  case memoryOnly = "linearOnly"
  /// Attention outputs of the converted layers are zero.
  case noAttention
  /// The teacher, untrained, with the student's window and attention sinks.
  case teacherWindowSinks

  /// As tables name it.
  public var title: String {
    switch self {
    case .teacher: "teacher"
    case .student: "student"
    case .windowOnly: "student, window only"
    case .memoryOnly: "student, memory only"
    case .noAttention: "student, no attention"
    case .teacherWindowSinks: "teacher, window and sinks"
    }
  }

  /// As the heading of a narrow column.
  public var shortTitle: String {
    switch self {
    case .teacher: "teacher"
    case .student: "student"
    case .windowOnly: "window only"
    case .memoryOnly: "memory only"
    case .noAttention: "no attention"
    case .teacherWindowSinks: "untrained window"
    }
  }
}

/// One row of the ablation table.
public struct VariantResult: Sendable, Equatable {
  /// Which of the rows this is.
  public var variant: ModelVariant
  /// What it is in this run: "terrace window of 64, first 4 tokens kept".
  public var detail: String
  /// Perplexity on held-out text; nil when none was read.
  public var text: PerplexityResult?
  /// Scores of tasks, in the order in which they were asked for.
  public var tasks: [TaskResult]
  /// Retrieval from the context, a kind and a length each.
  public var recall: [RecallResult]

  /// A row; what is left out was not measured.
  public init(
    variant: ModelVariant, detail: String = "", text: PerplexityResult? = nil,
    tasks: [TaskResult] = [], recall: [RecallResult] = []
  ) {
    self.variant = variant
    self.detail = detail
    self.text = text
    self.tasks = tasks
    self.recall = recall
  }
}

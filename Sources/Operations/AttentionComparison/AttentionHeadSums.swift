/// What the rows of one head add up to.
public struct AttentionHeadSums: Sendable {
  private var rows = 0
  private var rankedRows = 0
  private var divergence = 0.0
  private var teacherEntropy = 0.0
  private var studentEntropy = 0.0
  private var teacherReach = 0.0
  private var studentReach = 0.0
  private var monotonicity = 0.0
  private var elements = 0
  private var squaredErrors = 0.0
  private var squares = 0.0

  /// Of no rows.
  public init() {}

  mutating func add(_ row: AttentionRow) {
    rows += 1
    divergence += row.divergence
    teacherEntropy += row.teacherEntropy
    studentEntropy += row.studentEntropy
    teacherReach += row.teacherReach
    studentReach += row.studentReach
    if let value = row.monotonicity {
      monotonicity += value
      rankedRows += 1
    }
  }

  /// Outputs of one token, `[count]` each.
  mutating func add(
    teacherOutput: UnsafePointer<Float>, studentOutput: UnsafePointer<Float>, count: Int
  ) {
    elements += count
    for index in 0..<count {
      let expected = Double(teacherOutput[index])
      let error = Double(studentOutput[index]) - expected
      squaredErrors += error * error
      squares += expected * expected
    }
  }

  /// Mean squared error of the student's outputs, an element.
  public var meanSquaredError: Double { squaredErrors / Double(elements) }

  /// The same over the mean square of the teacher's outputs.
  public var relativeError: Double {
    // The floor is below the square of any output that floats can hold apart from 0.
    meanSquaredError / max(squares / Double(elements), 1e-60)
  }

  /// Mean of the rows' divergences, nats.
  public var meanDivergence: Double { divergence / Double(rows) }
  /// Means of the rows' entropies, nats.
  public var meanEntropies: (teacher: Double, student: Double) {
    (teacherEntropy / Double(rows), studentEntropy / Double(rows))
  }
  /// Means of the rows' effective sequence lengths, tokens.
  public var meanReaches: (teacher: Double, student: Double) {
    (teacherReach / Double(rows), studentReach / Double(rows))
  }
  /// Mean of the rank correlations, over the rows that have one.
  public var meanMonotonicity: Double { monotonicity / Double(rankedRows) }
}

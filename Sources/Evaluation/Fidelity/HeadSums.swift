import Results

/// What the rows of one head add up to.
struct HeadSums {
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

  /// Means over what was added; at least one token with three keys to look at.
  var head: FidelityResult.Head {
    let count = Double(rows)
    let error = squaredErrors / Double(elements)
    // The floor is below the square of any output that floats can hold apart from 0.
    return FidelityResult.Head(
      meanSquaredError: error, relativeError: error / max(squares / Double(elements), 1e-60),
      divergence: divergence / count, teacherEntropy: teacherEntropy / count,
      studentEntropy: studentEntropy / count, monotonicity: monotonicity / Double(rankedRows),
      teacherReach: teacherReach / count, studentReach: studentReach / count)
  }
}

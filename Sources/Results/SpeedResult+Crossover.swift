/// From which context length on the student is ahead.
extension SpeedResult {
  /// The smallest length measured for both from which on the student decodes faster, at it and at
  /// every longer one; nil when it does not at the longest.
  public var decodeCrossover: Int? { crossover(of: decodeRatios) }

  /// The same for reading a prompt of that length.
  public var prefillCrossover: Int? { crossover(of: prefillRatios) }

  /// The smallest length from which on the student's state takes fewer bytes.
  public var memoryCrossover: Int? {
    crossover(
      of: pairs.map {
        ($0.student.length, Double($0.teacher.stateBytes) / Double($0.student.stateBytes))
      })
  }

  /// Student's speed over the teacher's, by length.
  package typealias Ratio = (length: Int, value: Double)

  package var decodeRatios: [Ratio] {
    pairs.map { ($0.student.length, $0.teacher.secondsPerToken / $0.student.secondsPerToken) }
  }

  package var prefillRatios: [Ratio] {
    pairs.map {
      ($0.student.length, $0.student.prefillTokensPerSecond / $0.teacher.prefillTokensPerSecond)
    }
  }

  package func crossover(of ratios: [Ratio]) -> Int? {
    ratios.reversed().prefix { $0.value > 1 }.last?.length
  }
}

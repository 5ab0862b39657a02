import Documents

/// The last stage: measures student beside teacher on held-out text, and holds them to thresholds.
public struct EvaluationSpecification: StageSpecification, Equatable {
  public static let name = "evaluate"
  public static let summary =
    "Measures perplexity, transfer loss by layer, tokens/s and memory, and holds them to thresholds."
  public static let phase = StagePhase.evaluation

  /// Bounds of one number of the report; either may be left out.
  public struct Threshold: Sendable, Equatable {
    /// The number's name in `results.json`.
    public var measure: String
    public var minimum: Double?
    public var maximum: Double?

    /// Whether a measured value keeps the bounds; NaN never does.
    public func admits(_ value: Double) -> Bool {
      value >= minimum ?? -.infinity && value <= maximum ?? .infinity
    }
  }

  /// What a threshold can be put on, with its meaning.
  public static let measures: [(name: String, meaning: String)] = [
    ("teacherPerplexity", "Perplexity of the teacher on the test sequences."),
    ("studentPerplexity", "Perplexity of the student on the test sequences."),
    ("perplexityRatio", "Perplexity of the student divided by the teacher's."),
    ("transferLoss", "Mean over layers of the attention transfer's loss on the test sequences."),
    ("studentTokensPerSecond", "Tokens a second of the student's parallel form."),
    ("peakMemoryBytes", "Largest resident memory of the process."),
  ]

  /// Test sequences to measure on; `nil` for all that the data section keeps.
  public var sequences: Int?
  public var thresholds: [Threshold]

  public init(_ reader: DocumentReader) {
    sequences = reader.optionalInteger(
      "sequences", in: 1...Int.max,
      "Test sequences to measure on; null takes all of data.testSequences.")
    thresholds = reader.object(
      "thresholds", "Bounds on measured numbers; a missed one makes the exit status 1."
    ) { bounds in
      Self.measures.compactMap { name, meaning in
        bounds.optionalObject(name, meaning) { Self.threshold(name, $0) }
      }
    }
  }

  private static func threshold(_ measure: String, _ reader: DocumentReader) -> Threshold {
    let minimum = reader.optionalNumber("minimum", "Smallest value that passes.")
    let maximum = reader.optionalNumber("maximum", "Largest value that passes.")
    if minimum == nil, maximum == nil {
      reader.report("", "bounds nothing; give \"minimum\", \"maximum\" or both")
    }
    if let minimum, let maximum, minimum > maximum {
      reader.report("minimum", "found \(minimum), expected at most the maximum, \(maximum)")
    }
    return Threshold(measure: measure, minimum: minimum, maximum: maximum)
  }
}

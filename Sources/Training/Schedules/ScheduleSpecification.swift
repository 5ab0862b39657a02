import Documents

/// How the learning rate goes over a stage.
public enum ScheduleSpecification: Sendable, Equatable {
  /// Warm-up, then the optimizer's rate to the end.
  case constant(Warmup)
  /// Warm-up, then down to a final rate.
  case decay(Decay)
  /// Multiplied by `factor` whenever `patience` evaluations on validation data in a row, and one
  /// more, have not been better than the best by a relative 1e-4 (torch's ReduceLROnPlateau).
  case plateau(factor: Double, patience: Int, minimumLearningRate: Double)

  /// A rise at the start, which multiplies what the schedule says.
  public struct Warmup: Sendable, Equatable {
    /// Optimizer steps.
    public var steps: Int
    /// Fraction of the rate in the first step; `nil`: 1 / (steps + 1). RADLADS starts at 0.01.
    public var start: Double?

    /// A rise over so many optimizer steps.
    public init(steps: Int, start: Double? = nil) {
      self.steps = steps
      self.start = start
    }

    fileprivate init(_ reader: DocumentReader) {
      steps = reader.integer(
        "warmupSteps", default: 0,
        "Optimizer steps over which the learning rate rises.")
      start = reader.optionalNumber(
        "warmupStart", in: 0...1,
        "Fraction of the learning rate in the first step of the warm-up; null for 1 / (warmupSteps "
          + "+ 1), 0.01 as RADLADS.")
      if start != nil, steps == 0 {
        reader.report("warmupStart", "has no effect; it goes with warmupSteps above 0")
      }
    }
  }

  /// A way down.
  public struct Decay: Sendable, Equatable {
    /// How far the rate has come down, as `LearningRateSchedule` defines it.
    public enum Shape: String, Sendable, CaseIterable {
      case linear
      case cosine
      case quarterCosine = "quarter-cosine"
      case exponential
      case oneMinusSqrt = "one-minus-sqrt"
    }

    /// The curve from the optimizer's rate to the final one.
    public var shape: Shape
    /// The rise before it.
    public var warmup: Warmup
    /// The rate that the curve ends at.
    public var finalLearningRate: Double
    /// Fractions of the progress after the warm-up between which the rate comes down; it is the
    /// optimizer's before, the final after.
    public var start: Double
    /// Fraction of the progress at which the final rate is reached.
    public var end: Double

    /// A curve; by default without a warm-up and over the whole stage.
    public init(
      _ shape: Shape, warmup: Warmup = Warmup(steps: 0), finalLearningRate: Double,
      start: Double = 0, end: Double = 1
    ) {
      self.shape = shape
      self.warmup = warmup
      self.finalLearningRate = finalLearningRate
      self.start = start
      self.end = end
    }

    fileprivate init(_ shape: Shape, _ reader: DocumentReader) {
      self.shape = shape
      warmup = Warmup(reader)
      finalLearningRate = reader.number(
        "finalLearningRate", in: 0...Double.infinity,
        default: shape == .exponential ? nil : 0, "The learning rate that the decay ends at.")
      start = reader.number(
        "start", in: 0...1, default: 0,
        "Fraction of the steps after the warm-up at which the decay begins.")
      end = reader.number(
        "end", in: 0...1, default: 1,
        "Fraction of the steps after the warm-up at which the decay has ended.")
      if end <= start {
        reader.report("end", "found \(end), expected above the decay's start, \(start)")
      }
      if shape == .exponential, finalLearningRate == 0, reader.isGiven("finalLearningRate") {
        reader.report(
          "finalLearningRate", "found 0, expected a number above 0; an exponential never ends at 0")
      }
    }
  }

  /// The optimizer's rate throughout, after a warm-up.
  public static func constant(warmupSteps: Int) -> ScheduleSpecification {
    .constant(Warmup(steps: warmupSteps))
  }

  /// A straight line to the final rate, after a warm-up.
  public static func linear(warmupSteps: Int, finalLearningRate: Double) -> ScheduleSpecification {
    .decay(
      Decay(.linear, warmup: Warmup(steps: warmupSteps), finalLearningRate: finalLearningRate))
  }

  /// Half a period of a cosine to the final rate, after a warm-up.
  public static func cosine(warmupSteps: Int, finalLearningRate: Double) -> ScheduleSpecification {
    .decay(
      Decay(.cosine, warmup: Warmup(steps: warmupSteps), finalLearningRate: finalLearningRate))
  }

  /// Reads the `schedule` of a stage.
  public init(_ reader: DocumentReader) {
    let constant = DocumentVariant<ScheduleSpecification>("constant") { .constant(Warmup($0)) }
    let decays = Decay.Shape.allCases.map { shape in
      DocumentVariant<ScheduleSpecification>(shape.rawValue) { .decay(Decay(shape, $0)) }
    }
    self =
      reader.variant(
        "kind", of: [constant] + decays + [DocumentVariant("plateau", read: Self.plateau)],
        default: "constant", "How the learning rate goes over the stage.")
      ?? .constant(warmupSteps: 0)
  }

  private static func plateau(_ reader: DocumentReader) -> ScheduleSpecification {
    .plateau(
      factor: reader.number(
        "factor", in: 0...Double.infinity, below: 1, default: 0.1,
        "What the learning rate is multiplied by on a plateau."),
      patience: reader.integer(
        "patience", default: 10, "Evaluations without a better loss that are let pass."),
      minimumLearningRate: reader.number(
        "minimumLearningRate", in: 0...Double.infinity, default: 1e-5,
        "The learning rate is never reduced below this."))
  }

  var warmup: Warmup {
    switch self {
    case .constant(let warmup): warmup
    case .decay(let decay): decay.warmup
    case .plateau: Warmup(steps: 0)
    }
  }

  /// Optimizer steps of warm-up; 0 for a plateau.
  public var warmupSteps: Int { warmup.steps }

  /// What the rate comes down to; nil where it does not decay.
  public var finalLearningRate: Double? {
    if case .decay(let decay) = self { decay.finalLearningRate } else { nil }
  }
}

import Documents

/// How the learning rate goes over a stage.
public enum ScheduleSpecification: Sendable, Equatable {
  /// Warm-up, then the optimizer's rate to the end.
  case constant(warmupSteps: Int)
  /// Warm-up, then a straight line down to `finalLearningRate`.
  case linear(warmupSteps: Int, finalLearningRate: Double)
  /// Warm-up, then half a cosine down to `finalLearningRate`.
  case cosine(warmupSteps: Int, finalLearningRate: Double)
  /// Multiplied by `factor` whenever `patience` evaluations on validation data in a row, and one
  /// more, have not been better than the best by a relative 1e-4 (torch's ReduceLROnPlateau).
  case plateau(factor: Double, patience: Int, minimumLearningRate: Double)

  public init(_ reader: DocumentReader) {
    self =
      reader.variant(
        "kind",
        of: [
          DocumentVariant("constant") { .constant(warmupSteps: Self.warmupSteps($0)) },
          DocumentVariant("linear") {
            .linear(
              warmupSteps: Self.warmupSteps($0), finalLearningRate: Self.finalLearningRate($0))
          },
          DocumentVariant("cosine") {
            .cosine(
              warmupSteps: Self.warmupSteps($0), finalLearningRate: Self.finalLearningRate($0))
          },
          DocumentVariant("plateau", read: Self.plateau),
        ],
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

  private static func warmupSteps(_ reader: DocumentReader) -> Int {
    reader.integer(
      "warmupSteps", default: 0, "Optimizer steps over which the learning rate rises from zero.")
  }

  private static func finalLearningRate(_ reader: DocumentReader) -> Double {
    reader.number(
      "finalLearningRate", in: 0...Double.infinity, default: 0,
      "The learning rate that the decay ends at.")
  }

  /// Optimizer steps of warm-up; 0 for a plateau.
  public var warmupSteps: Int {
    switch self {
    case .constant(let steps), .linear(let steps, _), .cosine(let steps, _): steps
    case .plateau: 0
    }
  }

  /// Whether the schedule needs losses on validation data.
  public var needsValidation: Bool {
    if case .plateau = self { true } else { false }
  }
}

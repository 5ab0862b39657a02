import Documents

/// Parameters with learning rates of their own, as RADLADS gives attention another rate than the
/// rest (arXiv 2505.03005, stage 2a). The schedule's shape is that of the stage.
public struct ParameterGroup: Sendable, Equatable {
  /// Patterns of names; a parameter belongs to the first group that names it.
  public var parameters: [NamePattern]
  /// The rate that the schedule starts from or rises to.
  public var learningRate: Double
  /// The rate that the schedule ends at; `nil`: that of the schedule.
  public var finalLearningRate: Double?

  /// A group of parameters with rates of its own.
  public init(
    parameters: [NamePattern], learningRate: Double, finalLearningRate: Double? = nil
  ) {
    self.parameters = parameters
    self.learningRate = learningRate
    self.finalLearningRate = finalLearningRate
  }

  /// Reads an entry of `optimizer.groups`.
  public init(_ reader: DocumentReader) {
    parameters = reader.namePatterns(
      "parameters", default: nil, "Names of the group; * stands for any characters.")
    learningRate = reader.number(
      "learningRate", in: 0...Double.infinity,
      "Learning rate that the schedule starts from or rises to, for this group.")
    finalLearningRate = reader.optionalNumber(
      "finalLearningRate", in: 0...Double.infinity,
      "The learning rate that the schedule ends at, for this group; null for the schedule's.")
  }

  /// Whether one of the patterns names the parameter.
  public func includes(_ name: String) -> Bool { parameters.contains { $0.matches(name) } }
}

import Documents

/// AdamW as a recipe states it.
public struct OptimizerSpecification: Sendable, Equatable {
  /// The rate that the schedule starts from or rises to.
  public var learningRate: Double
  /// Decay of the running mean of gradients, and of their squares.
  public var betas: (first: Double, second: Double) { (decays[0], decays[1]) }
  /// Added to the root of the second moment, against division by zero.
  public var epsilon: Double
  /// Decoupled from the gradient (AdamW); 0 in the recipes of LoLCATs.
  public var weightDecay: Double
  /// The global norm that gradients are scaled down to; `nil` leaves them as they are.
  public var clipGradientNorm: Double?
  /// Parameters with other rates.
  public var groups: [ParameterGroup] = []

  private var decays: [Double]

  /// AdamW without groups; the defaults are torch's, but for no weight decay.
  public init(
    learningRate: Double, betas: (first: Double, second: Double) = (0.9, 0.999),
    epsilon: Double = 1e-8, weightDecay: Double = 0, clipGradientNorm: Double? = nil
  ) {
    self.learningRate = learningRate
    decays = [betas.first, betas.second]
    self.epsilon = epsilon
    self.weightDecay = weightDecay
    self.clipGradientNorm = clipGradientNorm
  }

  /// - Parameter learningRate: The default of the stage that reads this; `nil` makes it required.
  public init(_ reader: DocumentReader, learningRate: Double? = nil) {
    self.learningRate = reader.number(
      "learningRate", in: 0...Double.infinity, default: learningRate,
      "Learning rate that the schedule starts from or rises to.")
    decays = reader.numbers(
      "betas", count: 2, in: 0...Double.infinity, below: 1, default: [0.9, 0.999],
      "Decay of the running mean of the gradients, and of their squares.")
    epsilon = reader.number(
      "epsilon", in: 0...1, default: 1e-8,
      "Added to the root of the mean square before dividing by it.")
    weightDecay = reader.number(
      "weightDecay", in: 0...1, default: 0,
      "Fraction of a weight, times the learning rate, taken away at each step (decoupled).")
    clipGradientNorm = reader.optionalNumber(
      "clipGradientNorm", above: 0,
      "Largest global norm of the gradients; null does not clip.")
    groups = reader.objects(
      "groups", "Parameters with learning rates of their own; the first that names one counts.",
      ParameterGroup.init)
    if decays.count != 2 { decays = [0.9, 0.999] }
  }
}

/// What a training stage did.
public struct TrainingCurve: Sendable, Equatable {
  /// One step of the curve.
  public struct Point: Sendable, Equatable {
    /// Optimizer step, from 1 for the first.
    public var step: Int
    /// The training or validation loss at that step.
    public var loss: Double
    /// The rate of that step.
    public var learningRate: Double?
    /// Global norm of the gradients before clipping.
    public var gradientNorm: Double?

    /// A point of the curve.
    public init(
      step: Int, loss: Double, learningRate: Double? = nil, gradientNorm: Double? = nil
    ) {
      self.step = step
      self.loss = loss
      self.learningRate = learningRate
      self.gradientNorm = gradientNorm
    }
  }

  /// The stage's name.
  public var stage: String
  /// Optimizer steps taken.
  public var steps: Int
  /// Tokens trained on.
  public var tokens: Int
  /// Seconds that the stage took, on the clock.
  public var seconds: Double
  /// A few hundred points at most.
  public var points: [Point]
  /// Validation losses; `Point.learningRate` and `gradientNorm` are nil.
  public var validation: [Point]

  /// What a stage did, as its curve shows it.
  public init(
    stage: String, steps: Int, tokens: Int, seconds: Double, points: [Point],
    validation: [Point] = []
  ) {
    self.stage = stage
    self.steps = steps
    self.tokens = tokens
    self.seconds = seconds
    self.points = points
    self.validation = validation
  }
}

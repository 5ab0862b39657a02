/// What a training stage did.
public struct TrainingCurve: Sendable, Equatable {
  public struct Point: Sendable, Equatable {
    public var step: Int
    public var loss: Double
    public var learningRate: Double?
    public var gradientNorm: Double?

    public init(
      step: Int, loss: Double, learningRate: Double? = nil, gradientNorm: Double? = nil
    ) {
      self.step = step
      self.loss = loss
      self.learningRate = learningRate
      self.gradientNorm = gradientNorm
    }
  }

  public var stage: String
  public var steps: Int
  public var tokens: Int
  public var seconds: Double
  /// A few hundred points at most.
  public var points: [Point]
  /// Validation losses; `Point.learningRate` and `gradientNorm` are nil.
  public var validation: [Point]

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

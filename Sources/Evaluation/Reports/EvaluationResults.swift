import Documents

/// What an evaluation found, and what made it: the contents of `results.json` and `report.md`.
public struct EvaluationResults: Sendable {
  /// A bound on one number, and whether it was kept.
  public struct Verdict: Sendable, Equatable {
    /// A key of `results.json`.
    public var measure: String
    public var minimum: Double?
    public var maximum: Double?
    /// nil when it was not measured, which misses the bound.
    public var value: Double?

    public init(measure: String, minimum: Double?, maximum: Double?, value: Double?) {
      self.measure = measure
      self.minimum = minimum
      self.maximum = maximum
      self.value = value
    }

    public var isKept: Bool {
      guard let value else { return false }
      return value >= minimum ?? -.infinity && value <= maximum ?? .infinity
    }

    /// "at least 2", "at most 40", "2 to 40".
    public var bounds: String {
      switch (minimum, maximum) {
      case (let minimum?, let maximum?):
        "\(Figures.significant(minimum)) to \(Figures.significant(maximum))"
      case (let minimum?, nil): "at least \(Figures.significant(minimum))"
      case (nil, let maximum?): "at most \(Figures.significant(maximum))"
      case (nil, nil): "none"
      }
    }
  }

  /// What a training stage did, in a few numbers of its curve.
  public struct Training: Sendable, Equatable {
    public var stage: String
    public var steps: Int
    public var tokens: Int
    /// Losses along the way: step, and what it was then.
    public var curve: [(step: Int, loss: Double)]
    public var seconds: Double

    public init(
      stage: String, steps: Int, tokens: Int, curve: [(step: Int, loss: Double)], seconds: Double
    ) {
      self.stage = stage
      self.steps = steps
      self.tokens = tokens
      self.curve = curve
      self.seconds = seconds
    }

    public static func == (left: Training, right: Training) -> Bool {
      left.stage == right.stage && left.steps == right.steps && left.tokens == right.tokens
        && left.seconds == right.seconds
        && left.curve.elementsEqual(right.curve, by: { $0 == $1 })
    }
  }

  /// Heading of the report: the recipe's name, or the model's.
  public var title: String
  public var teacher: PerplexityResult?
  public var student: PerplexityResult?
  /// Mean over layers of the attention transfer's loss on the test sequences, and each layer's;
  /// nil for layers that keep softmax.
  public var transferLoss: Double?
  public var transferLossByLayer: [Double?]
  /// Largest resident memory of the process.
  public var peakMemoryBytes: Int?
  public var verdicts: [Verdict] = []
  public var training: [Training]
  /// Recipe's name, seed, hashes of teacher and data, program, BLAS.
  public var provenance: JSONObject
  /// Commands that give these numbers again.
  public var commands: [String]

  public init(
    title: String, teacher: PerplexityResult? = nil, student: PerplexityResult? = nil,
    transferLoss: Double? = nil, transferLossByLayer: [Double?] = [], peakMemoryBytes: Int? = nil,
    training: [Training] = [], provenance: JSONObject = JSONObject(), commands: [String] = []
  ) {
    self.title = title
    self.teacher = teacher
    self.student = student
    self.transferLoss = transferLoss
    self.transferLossByLayer = transferLossByLayer
    self.peakMemoryBytes = peakMemoryBytes
    self.training = training
    self.provenance = provenance
    self.commands = commands
  }

  public var perplexityRatio: Double? {
    guard let teacher, let student else { return nil }
    return student.perplexity / teacher.perplexity
  }

  /// Every number a threshold may be put on, by its key; nil where it was not measured.
  public func value(of measure: String) -> Double? {
    switch measure {
    case "teacherPerplexity": teacher?.perplexity
    case "studentPerplexity": student?.perplexity
    case "perplexityRatio": perplexityRatio
    case "teacherLoss": teacher?.meanLoss
    case "studentLoss": student?.meanLoss
    case "teacherAccuracy": teacher?.accuracy
    case "studentAccuracy": student?.accuracy
    case "transferLoss": transferLoss
    case "teacherTokensPerSecond": teacher?.tokensPerSecond
    case "studentTokensPerSecond": student?.tokensPerSecond
    case "peakMemoryBytes": peakMemoryBytes.map(Double.init)
    default: nil
    }
  }

  /// Holds the results to bounds; replaces earlier verdicts.
  public mutating func judge(_ bounds: [(measure: String, minimum: Double?, maximum: Double?)]) {
    verdicts = bounds.map {
      Verdict(
        measure: $0.measure, minimum: $0.minimum, maximum: $0.maximum,
        value: value(of: $0.measure))
    }
  }

  public var keepsThresholds: Bool { verdicts.allSatisfy(\.isKept) }
}

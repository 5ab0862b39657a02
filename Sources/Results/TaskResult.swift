import Documents

/// What a model scored on one task, under the names of lm-eval.
public struct TaskResult: Sendable, Equatable {
  /// One number of a task.
  public struct Metric: Sendable, Equatable {
    /// `acc`, `acc_norm`, `acc_all`, `letter_share`, `perplexity`, `word_perplexity`,
    /// `byte_perplexity`, `bits_per_byte`.
    public var name: String
    /// The score, in the unit that lm-eval gives it.
    public var value: Double
    /// nil where lm-eval says "N/A".
    public var standardError: Double?
    /// Whether a larger value is a better one.
    public var higherIsBetter: Bool

    /// A metric under the name that lm-eval gives it.
    public init(name: String, value: Double, standardError: Double?, higherIsBetter: Bool) {
      self.name = name
      self.value = value
      self.standardError = standardError
      self.higherIsBetter = higherIsBetter
    }
  }

  /// As `results.json` names it.
  public var name: String
  /// The scores, in the order in which lm-eval lists them.
  public var metrics: [Metric]
  /// Samples scored.
  public var samples: Int
  /// Samples of the file, before `--limit`.
  public var availableSamples: Int
  /// Samples whose context was cut on the left to fit the model.
  public var truncatedSamples: Int
  /// Examples shown before every question.
  public var shots: Int
  /// lm-eval's task version.
  public var version: Double
  /// The task file with every default spelled, for `configs`.
  public var configuration: JSONValue
  /// SHA-256 over the requests, so that two results can be told to be of the same samples.
  public var samplesHash: String
  /// Seconds that the task took, on the clock.
  public var seconds: Double
  /// Expected accuracy of blind guessing, for the share recovered; nil where there is none.
  public var chance: Double?

  /// What a model scored.
  public init(
    name: String, metrics: [Metric], samples: Int, availableSamples: Int,
    truncatedSamples: Int = 0, shots: Int = 0, version: Double = 1,
    configuration: JSONValue = .null, samplesHash: String = "", seconds: Double = 0,
    chance: Double? = nil
  ) {
    self.name = name
    self.metrics = metrics
    self.samples = samples
    self.availableSamples = availableSamples
    self.truncatedSamples = truncatedSamples
    self.shots = shots
    self.version = version
    self.configuration = configuration
    self.samplesHash = samplesHash
    self.seconds = seconds
    self.chance = chance
  }

  /// The metric of a name; nil when the task has none such.
  public func metric(_ name: String) -> Metric? { metrics.first { $0.name == name } }
}

/// Retrieval from the context, made by the program: one kind at one length.
public struct RecallResult: Sendable, Equatable {
  /// `mqar` (multi-query associative recall), `passkey`, or `passkeyDigits`.
  public var kind: String
  /// Tokens of the sequences.
  public var length: Int
  /// Queries asked: key-value pairs, passkeys, or tokens of passkeys.
  public var queries: Int
  /// Queries all of whose answer tokens were the most probable ones.
  public var correct: Int
  /// Mean `−log p` of an answer token, nats.
  public var meanLoss: Double

  /// The kind whose queries are the tokens of passkeys, each with the true ones before it.
  public static let passkeyDigits = "passkeyDigits"

  /// What was retrieved at one length.
  public init(kind: String, length: Int, queries: Int, correct: Int, meanLoss: Double) {
    self.kind = kind
    self.length = length
    self.queries = queries
    self.correct = correct
    self.meanLoss = meanLoss
  }

  /// Share of queries answered rightly, 0 to 1.
  public var accuracy: Double { Double(correct) / Double(queries) }
  /// Of the accuracy, binomial.
  public var standardError: Double {
    (accuracy * (1 - accuracy) / Double(queries)).squareRoot()
  }
}

import Documents
import Results

/// The last stage: measures student beside teacher, and holds them to thresholds.
public struct EvaluationSpecification: StageSpecification, Equatable {
  public static let name = "evaluate"
  public static let summary =
    "Measures teacher, student and the student's halves on text, tasks and recall; holds them to thresholds."
  public static let phase = StagePhase.evaluation

  /// Bounds of one number of the report; either may be left out.
  public struct Threshold: Sendable, Equatable {
    /// One of `EvaluationReport.measures`, or `TASK/METRIC`.
    public var measure: String
    public var minimum: Double?
    public var maximum: Double?
  }

  /// A task, and how much of it.
  public struct Task: Sendable, Equatable {
    /// A task file, or a JSONL file of `query`, `choices`, `gold` or `context`, `continuation`.
    public var path: String
    /// Where the samples lie, if not where the task file says.
    public var data: String?
    /// Samples at most; nil for all.
    public var limit: Int?
    /// On the task's metrics.
    public var thresholds: [(metric: String, minimum: Double?, maximum: Double?)]

    public static func == (left: Task, right: Task) -> Bool {
      left.path == right.path && left.data == right.data && left.limit == right.limit
        && left.thresholds.elementsEqual(right.thresholds, by: ==)
    }
  }

  /// Test sequences to measure on; `nil` for all that the data section keeps.
  public var sequences: Int?
  public var tasks: [Task]
  /// Window only, memory only, no attention, and the untrained teacher with window and sinks.
  public var ablations: Bool
  public var recall: RecallPlan?
  public var fidelity: FidelityPlan?
  public var speed: SpeedPlan?
  public var thresholds: [Threshold]
  /// A `results.json` that this one must not fall behind.
  public var baseline: String?
  public var tolerance: Double

  public init(_ reader: DocumentReader) {
    sequences = reader.optionalInteger(
      "sequences", in: 1...Int.max,
      "Test sequences to measure on; null takes all of data.testSequences.")
    tasks = reader.objects(
      "tasks", minimum: 0, "Tasks in lm-eval's terms, measured on every variant.", Self.task)
    ablations = reader.boolean(
      "ablations", default: true,
      "Measure the student's window alone, its memory alone, no attention, and the untrained teacher with window and sinks too."
    )
    recall =
      reader.boolean("measureRecall", default: true, "Ask for what stands in the context.")
      ? reader.object("recall", "Lengths and amounts of recall.", RecallPlan.init) : nil
    fidelity =
      reader.boolean(
        "measureFidelity", default: true, "Compare attention and predictions head by head.")
      ? reader.object("fidelity", "On how much text.", FidelityPlan.init) : nil
    speed =
      reader.boolean("measureSpeed", default: true, "Time reading and decoding by length.")
      ? reader.object("speed", "At which lengths.", SpeedPlan.init) : nil
    thresholds = reader.object(
      "thresholds", "Bounds on measured numbers; a missed one makes the exit status 1."
    ) { bounds in
      EvaluationReport.measures.compactMap { name, meaning in
        bounds.optionalObject(name, meaning) { reader in
          let (minimum, maximum) = Self.bounds(reader)
          return Threshold(measure: name, minimum: minimum, maximum: maximum)
        }
      }
    }
    baseline = reader.optionalString(
      "baseline", "A results.json of before; falling behind it makes the exit status 1.")
    tolerance = reader.number(
      "tolerance", in: 0...Double.greatestFiniteMagnitude, default: 0.01,
      "How far behind the baseline is still well: of accuracies absolute, of perplexities relative."
    )
  }

  private static func task(_ reader: DocumentReader) -> Task {
    Task(
      path: reader.string("path", "Task file, or JSONL of llm-foundry's form."),
      data: reader.optionalString("data", "Its samples, if not where the task file says."),
      limit: reader.optionalInteger("limit", in: 1...Int.max, "Samples at most; null for all."),
      thresholds: reader.object("thresholds", "Bounds on the student's metrics.") { bounds in
        [
          "acc", "acc_norm", "perplexity", "word_perplexity", "byte_perplexity", "bits_per_byte",
        ].compactMap { metric in
          bounds.optionalObject(metric, "The metric of that name.") { reader in
            let (minimum, maximum) = Self.bounds(reader)
            return (metric, minimum, maximum)
          }
        }
      })
  }

  private static func bounds(_ reader: DocumentReader) -> (minimum: Double?, maximum: Double?) {
    let minimum = reader.optionalNumber("minimum", "Smallest value that passes.")
    let maximum = reader.optionalNumber("maximum", "Largest value that passes.")
    if minimum == nil, maximum == nil {
      reader.report("", "bounds nothing; give \"minimum\", \"maximum\" or both")
    }
    if let minimum, let maximum, minimum > maximum {
      reader.report("minimum", "found \(minimum), expected at most the maximum, \(maximum)")
    }
    return (minimum, maximum)
  }
}

/// Multi-query associative recall and passkeys, made by the program.
public struct RecallPlan: Sendable, Equatable {
  /// Tokens of a sequence of key-value pairs, eight tokens a pair.
  public var associativeLengths: [Int]
  /// Keys asked at each length, or a few more: sequences are as many as that takes.
  public var associativeQueries: Int
  /// Tokens of a text that hides a passkey.
  public var passkeyLengths: [Int]
  /// Passkeys at each length, their depths spread evenly.
  public var passkeys: Int

  public init(
    associativeLengths: [Int] = [64, 128, 256, 512], associativeQueries: Int = 128,
    passkeyLengths: [Int] = [256, 512, 1024], passkeys: Int = 5
  ) {
    self.associativeLengths = associativeLengths
    self.associativeQueries = associativeQueries
    self.passkeyLengths = passkeyLengths
    self.passkeys = passkeys
  }

  init(_ reader: DocumentReader) {
    self.init()
    associativeLengths = reader.integers(
      "associativeLengths", default: associativeLengths,
      "Tokens of multi-query associative recall, eight a pair.")
    associativeQueries = reader.integer(
      "associativeQueries", in: 1...100_000, default: associativeQueries,
      "Keys asked at each length.")
    passkeyLengths = reader.integers(
      "passkeyLengths", default: passkeyLengths, "Tokens of a text that hides a passkey.")
    passkeys = reader.integer(
      "passkeys", in: 1...100_000, default: passkeys, "Passkeys at each length.")
    for length in associativeLengths where length < 16 {
      reader.report("associativeLengths", "found \(length), expected at least 16: a pair")
    }
    for length in passkeyLengths where length < 64 {
      reader.report("passkeyLengths", "found \(length), expected at least 64")
    }
  }
}

/// On how much text attention and predictions are compared.
public struct FidelityPlan: Sendable, Equatable {
  public var sequences: Int
  /// Tokens of a sequence whose attention rows are compared: cost is quadratic in it.
  public var length: Int

  public init(sequences: Int = 2, length: Int = 256) {
    self.sequences = sequences
    self.length = length
  }

  init(_ reader: DocumentReader) {
    self.init()
    sequences = reader.integer(
      "sequences", in: 1...100_000, default: sequences, "Test sequences to compare on.")
    length = reader.integer(
      "length", in: 8...65_536, default: length, "First tokens of each; cost is quadratic in it.")
  }
}

/// At which lengths teacher and student are timed.
public struct SpeedPlan: Sendable, Equatable {
  /// Tokens of context, ascending.
  public var lengths: [Int]
  /// Single tokens decoded at each length.
  public var steps: Int
  /// A length that would take longer is left out, and the report says so.
  public var maximumSeconds: Double

  public init(
    lengths: [Int] = [512, 1024, 2048, 4096], steps: Int = 8, maximumSeconds: Double = 60
  ) {
    self.lengths = lengths
    self.steps = steps
    self.maximumSeconds = maximumSeconds
  }

  init(_ reader: DocumentReader) {
    self.init()
    lengths = reader.integers("lengths", default: lengths, "Tokens of context, ascending.")
    steps = reader.integer(
      "steps", in: 1...10_000, default: steps, "Single tokens decoded at each length.")
    maximumSeconds = reader.number(
      "maximumSeconds", in: 0...1e9, default: maximumSeconds,
      "A length that would take longer is left out, and the report says so.")
    if lengths.isEmpty || lengths.contains(where: { $0 < 1 }) || lengths != lengths.sorted() {
      reader.report("lengths", "found \(lengths), expected ascending numbers of at least 1")
    }
  }
}

import Checkpoints
import Corpus
import Documents
import Evaluation
import Foundation
import Models
import Results
import Transformers

/// Everything that `linearize evaluate` measures of a model; text is cut into windows that do not
/// overlap.
public struct ModelEvaluation {
  /// What is read.
  public enum Source: Sendable, Equatable {
    /// JSON: one list of ids, or a list of lists, each cut by itself.
    case tokens(String)
    /// Plain text, or JSON Lines (`.jsonl`) whose rows have a `text`, each cut by itself; encoded
    /// without special tokens.
    case text(String)

    /// The file, as the user named it.
    public var path: String {
      switch self {
      case .tokens(let path), .text(let path): path
      }
    }
  }

  private let model: LoadedModel
  private let clock: () -> Double
  private let wallClock: () -> Double

  /// - Parameters:
  ///   - clock: seconds, never going back.
  ///   - wallClock: seconds since 1970.
  public init(
    _ model: LoadedModel, clock: @escaping () -> Double = { ProcessInfo.processInfo.systemUptime },
    wallClock: @escaping () -> Double = { Date().timeIntervalSince1970 }
  ) {
    self.model = model
    self.clock = clock
    self.wallClock = wallClock
  }

  /// Windows that a model reads at once unless told otherwise, in tokens.
  public var defaultSequenceLength: Int {
    min(
      1024, model.decoder.configuration.maximumPositions, model.decoder.lengthLimit?.tokens ?? .max)
  }

  /// What to measure, as the command says it.
  public struct Request: Sendable {
    /// A task file or JSONL, and its samples if not where the task file says.
    public struct Task: Sendable, Equatable {
      /// Task file or JSONL, as the user named it.
      public var path: String
      /// Its samples; nil for where the task file says.
      public var data: String?

      /// A task, with samples of its own if wanted.
      public init(path: String, data: String? = nil) {
        self.path = path
        self.data = data
      }
    }

    /// Text to measure perplexity on; nil for none.
    public var source: Source?
    /// Tokens of a window, the first of which is not scored.
    public var sequenceLength: Int
    /// Windows at most; nil for all.
    public var maximumSequences: Int?
    /// Tasks to score.
    public var tasks: [Task]
    /// Samples of each task at most; nil for all.
    public var limit: Int?
    /// Solved examples before each context, if not as many as the task says.
    public var shots: Int?
    /// Of a student, measure nothing beside it.
    public var studentOnly: Bool
    /// How retrieval from the context is asked for; nil not at all.
    public var recall: RecallPlan?
    /// On how much text attention is compared; nil not at all.
    public var fidelity: FidelityPlan?
    /// At which lengths models are timed; nil not at all.
    public var speed: SpeedPlan?

    /// What to measure; what is left out is not.
    public init(
      source: Source? = nil, sequenceLength: Int, maximumSequences: Int? = nil, tasks: [Task] = [],
      limit: Int? = nil, shots: Int? = nil, studentOnly: Bool = false, recall: RecallPlan? = nil,
      fidelity: FidelityPlan? = nil, speed: SpeedPlan? = nil
    ) {
      self.source = source
      self.sequenceLength = sequenceLength
      self.maximumSequences = maximumSequences
      self.tasks = tasks
      self.limit = limit
      self.shots = shots
      self.studentOnly = studentOnly
      self.recall = recall
      self.fidelity = fidelity
      self.speed = speed
    }
  }

  /// - Returns: the report without thresholds and commands, and each sample's log-likelihoods.
  /// - Throws: `InputError`, `TaskError`, `DocumentFile.Failure`, and what `progress` throws.
  public func run(_ request: Request, progress: EvaluationProgress = .silent) throws -> (
    report: EvaluationReport, samples: [(task: String, lines: [JSONValue])]
  ) {
    if model.decoder.configuration.isEncoder { try refuseDecoders(request) }
    let plan = EvaluationPlan(
      text: try request.source.map {
        try model.decoder.configuration.isEncoder
          ? texts($0, length: request.sequenceLength, maximum: request.maximumSequences)
          : windows($0, length: request.sequenceLength, maximum: request.maximumSequences)
      } ?? [],
      tasks: try request.tasks.map {
        (
          try EvaluationTask.load($0.path, dataOverride: $0.data, shots: request.shots),
          request.limit
        )
      },
      measuresTeacher: !request.studentOnly, measuresAblations: !request.studentOnly,
      recall: request.recall, fidelity: request.studentOnly ? nil : request.fidelity,
      speed: request.speed)
    let isStudent = model.student != nil
    let teacher = isStudent ? model.decoder.original : model.decoder
    let date = wallClock()
    let outcome = try EvaluationRun(
      plan: plan, teacher: teacher, student: isStudent ? model.decoder : nil,
      tokenizer: model.tokenizer, pooling: model.pooling, location: model.location,
      seed: model.student?.seed ?? 0,
      clock: clock, progress: progress
    ).run()
    let report = EvaluationReport(
      title: model.location, teacherName: isStudent ? model.source.location : model.location,
      studentName: isStudent ? model.location : nil, variants: outcome.variants,
      fidelity: outcome.fidelity, speed: outcome.speed, cache: outcome.cache,
      peakMemoryBytes: ProcessMemory.peakBytes,
      provenance: try provenance(request), recipe: model.student?.recipe, notes: outcome.notes,
      textHash: outcome.textHash,
      date: date, seconds: outcome.seconds)
    return (report, outcome.samples)
  }

  private func windows(_ source: Source, length: Int, maximum: Int?) throws -> [EvaluationSequence]
  {
    try SequenceBounds.check(length, model, source.path)
    let lists: [[Int32]]
    switch source {
    case .tokens(let path):
      lists = try TokenFile(
        path, vocabularySize: model.decoder.configuration.vocabularySize
      ).sequences
    case .text(let path): lists = try encode(path)
    }
    var windows: [EvaluationSequence] = []
    for list in lists {
      windows += EvaluationSequence.windows(
        list, length: length, maximum: maximum.map { $0 - windows.count })
    }
    if windows.isEmpty {
      throw InputError(
        source.path, nil,
        "found \(lists.reduce(0) { $0 + $1.count }) tokens in \(lists.count) "
          + "\(lists.count == 1 ? "sequence" : "sequences"), expected at least \(length) in one, "
          + "a window; give more, or a shorter --sequence-length")
    }
    return windows
  }

  // MARK: Encoders

  /// - Throws: `ModelError` when a next token is asked for, or there is no student.
  private func refuseDecoders(_ request: Request) throws {
    if !request.tasks.isEmpty { try model.requireDecoder(for: "a task") }
    if request.speed != nil { try model.requireDecoder(for: "decoding") }
    if model.student == nil {
      throw ModelError(
        location: model.location,
        problems: [
          "is an encoder without a student; embeddings are measured against the teacher's, so give a "
            + "student of it"
        ])
    }
  }

  /// One text a line, between the tokens that the tokenizer puts around it; or one a list of ids.
  private func texts(_ source: Source, length: Int, maximum: Int?) throws -> [EvaluationSequence] {
    try SequenceBounds.check(length, model, source.path)
    let lists: [[Int32]]
    switch source {
    case .tokens(let path):
      lists = try TokenFile(
        path, vocabularySize: model.decoder.configuration.vocabularySize
      ).sequences
    case .text(let path): lists = try TextEmbedder(model, length: length).encode(linesOf: path)
    }
    let found = lists.prefix(maximum ?? .max).map { EvaluationSequence(tokens: $0) }
    if found.isEmpty {
      throw InputError(source.path, nil, "found no text, expected one a line")
    }
    return Array(found)
  }

  // MARK: Windows

  private func encode(_ path: String) throws -> [[Int32]] {
    let tokenizer = try model.requireTokenizer()
    let texts =
      path.hasSuffix(".jsonl") ? try JSONLines.texts(path) : [try TextFile.read(path)]
    let tokens = texts.map { tokenizer.encode($0) }
    let size = model.decoder.configuration.vocabularySize
    if let id = tokens.lazy.joined().first(where: { Int($0) >= size }) {
      throw InputError(
        path, nil,
        "the tokenizer gives the id \(id), but \(model.location) has an embedding of \(size) rows; "
          + "use the model's own tokenizer")
    }
    return tokens
  }

  private func provenance(_ request: Request) throws -> JSONObject {
    // The hash is of what the file holds now.
    try model.source.requireUnchanged(digest: nil)
    var object = JSONObject([
      ("program", .string("linearize \(EnvironmentReport.version)")),
      ("model", .string(model.location)),
      ("weights", .string(model.source.location)),
      ("weightsSHA256", .string(try model.source.contentDigest())),
    ])
    if let source = request.source {
      object["data"] = .string(source.path)
      object["dataSHA256"] = .string(try Digest.sha256(ofFile: source.path))
      object["sequenceLength"] = .integer(request.sequenceLength)
    }
    if let student = model.student {
      object["seed"] = .integer(Int(student.seed))
      object["stage"] = .string(student.stage)
    }
    for (name, value) in NativeLibraries.versions { object[name] = .string(value) }
    return object
  }
}

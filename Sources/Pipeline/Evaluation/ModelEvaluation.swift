import Corpus
import Documents
import Evaluation
import Foundation
import Transformers

/// Perplexity of a model on a file, over windows that do not overlap.
public struct ModelEvaluation {
  /// What is read.
  public enum Source: Sendable, Equatable {
    /// JSON: one list of ids, or a list of lists, each cut by itself.
    case tokens(String)
    /// Plain text, encoded without special tokens.
    case text(String)

    public var path: String {
      switch self {
      case .tokens(let path), .text(let path): path
      }
    }
  }

  private let model: LoadedModel
  private let clock: () -> Double

  public init(
    _ model: LoadedModel, clock: @escaping () -> Double = { ProcessInfo.processInfo.systemUptime }
  ) {
    self.model = model
    self.clock = clock
  }

  /// Windows that a model reads at once unless told otherwise, in tokens.
  public var defaultSequenceLength: Int {
    min(1024, model.decoder.configuration.maximumPositions)
  }

  /// - Parameters:
  ///   - sequenceLength: tokens of a window, the first of which is not scored.
  ///   - maximumSequences: windows at most; nil for all.
  ///   - measuresTeacher: of a student, measure the teacher it stands on too.
  ///   - progress: called before the first and after every pass with the name of what is measured,
  ///     the windows done and all of them, and the result so far.
  /// - Throws: `InputError`, `DocumentFile.Failure`, and what `progress` throws.
  public func run(
    _ source: Source, sequenceLength: Int, maximumSequences: Int?, measuresTeacher: Bool,
    progress: (_ name: String, _ done: Int, _ of: Int, PerplexityResult) throws -> Void
  ) throws -> EvaluationResults {
    let windows = try self.windows(source, length: sequenceLength, maximum: maximumSequences)
    func measure(_ decoder: Decoder, _ name: String) throws -> PerplexityResult {
      try progress(name, 0, windows.count, PerplexityResult(windows: [], tokens: 0, seconds: 0))
      return try PerplexityMeasurement(decoder, clock: clock).run(windows) {
        try progress(name, $0.windows.count, windows.count, $0)
      }
    }
    var results = EvaluationResults(title: "Perplexity of \(model.location)")
    if model.student == nil {
      results.teacher = try measure(model.decoder, "teacher")
    } else {
      if measuresTeacher {
        let teacher = Decoder(
          configuration: model.decoder.configuration, weights: model.decoder.weights)
        results.teacher = try measure(teacher, "teacher")
      }
      results.student = try measure(model.decoder, "student")
    }
    results.peakMemoryBytes = ProcessMemory.peakBytes
    results.provenance = try provenance(source, sequenceLength: sequenceLength)
    return results
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
    case .text(let path): lists = [try encode(path)]
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

  private func encode(_ path: String) throws -> [Int32] {
    let tokens = try model.requireTokenizer().encode(try TextFile.read(path))
    let size = model.decoder.configuration.vocabularySize
    if let id = tokens.first(where: { Int($0) >= size }) {
      throw InputError(
        path, nil,
        "the tokenizer gives the id \(id), but \(model.location) has an embedding of \(size) rows; "
          + "use the model's own tokenizer")
    }
    return tokens
  }

  private func provenance(_ source: Source, sequenceLength: Int) throws -> JSONObject {
    var object = JSONObject([
      ("program", .string("linearize \(EnvironmentReport.version)")),
      ("model", .string(model.location)),
      ("weights", .string(model.source.location)),
      ("weightsSHA256", .string(try model.source.contentDigest())),
      ("data", .string(source.path)),
      ("sequenceLength", .integer(sequenceLength)),
    ])
    if let student = model.student {
      object["seed"] = .integer(Int(student.seed))
      object["stage"] = .string(student.stage)
    }
    for (name, value) in NativeLibraries.versions { object[name] = .string(value) }
    return object
  }
}

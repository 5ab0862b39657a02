import Corpus
import Documents
import Evaluation
import Models
import Results
import Students
import Transformers

/// Chooses the layers that keep the teacher's softmax: each is scored by what the teacher loses when
/// it becomes linear, without training, and the best are restored one after the other. The stages
/// behind it train a student of the other layers.
public struct SoftmaxLayerSelection: StageSpecification {
  public static let name = "layer-selection"
  public static let summary =
    "Chooses the layers that keep softmax by what the teacher loses without each; trains nothing."
  public static let phase = StagePhase.selection

  /// What a layer without softmax is while layers are scored.
  public enum Linear: String, CaseIterable, Sendable {
    /// Softmax over the student's window and sinks, untrained.
    case window
    /// The student's own attention as the stages before have left it.
    case student
  }

  /// Layers to choose; `nil` for as many as the bounds need.
  public var keep: Int?
  /// Layers that may be chosen; empty for all.
  public var candidates: LayerSelection
  /// What a layer without softmax is.
  public var linear: Linear
  /// Candidates that are scored in every round but the first.
  public var rescored: Int
  /// Whether the first round restores every candidate.
  public var restoresAll: Bool
  /// How much each measure counts; of weight 0 it is not taken.
  public var weights: SelectionWeights
  /// Tokens of validation text.
  public var textTokens: Int
  /// Tokens of associative recall, and values asked.
  public var associative: (length: Int, queries: Int)
  /// Tokens of a text with a passkey, and such texts.
  public var passkey: (length: Int, count: Int)
  /// Bounds that end the choice.
  public var maximumDivergence, minimumRecall: Double?
  /// Most bytes of the student's memories after so many tokens; `nil` for any.
  public var cache: (bytes: Int, length: Int)?

  public init(_ reader: DocumentReader) {
    keep = reader.optionalInteger(
      "keep", in: 1...65_536,
      "Layers that keep softmax. With bounds it is the most; null takes as many as they need.")
    candidates = LayerSelection(
      reader, "candidates", "Layers, counted from 0, that may keep softmax; all unless given")
    linear = reader.choice(
      "linear", default: .window,
      "What a layer without softmax is while layers are scored. window: softmax over the student's "
        + "window and sinks, untrained; student: its own attention, as the stages before have left it."
    )
    rescored = reader.integer(
      "rescored", in: 1...65_536, default: 8,
      "Candidates that are scored again in every round after the first.")
    restoresAll = reader.boolean(
      "restoresAll", default: true,
      "Restore every candidate in the first round; false restores those alone that cost most when "
        + "they were made linear.")
    let text = reader.object("text", "Validation text whose predictions are held to the teacher's.")
    {
      ($0.selectionWeight(), $0.integer("tokens", in: 2...(1 << 24), default: 768, "Tokens of it."))
    }
    let recall = reader.object("associative", "Associative recall, made by the program.") {
      (
        $0.selectionWeight(),
        $0.integer("length", in: 16...(1 << 24), default: 512, "Tokens of a sequence."),
        $0.integer("queries", in: 1...100_000, default: 64, "Values asked, or a few more.")
      )
    }
    let keys = reader.object("passkey", "Passkeys hidden in a long text, made by the program.") {
      (
        $0.selectionWeight(),
        $0.integer("length", in: 64...(1 << 24), default: 1024, "Tokens of a text."),
        $0.integer("count", in: 1...10_000, default: 1, "Texts, their depths spread evenly.")
      )
    }
    weights = SelectionWeights(divergence: text.0, associative: recall.0, passkey: keys.0)
    textTokens = text.1
    associative = (recall.1, recall.2)
    passkey = (keys.1, keys.2)
    maximumDivergence = reader.optionalNumber(
      "maximumDivergence", in: 0...Double.infinity,
      "Layers are restored until predictions are no further from the teacher's, nats (KL) a token.")
    minimumRecall = reader.optionalNumber(
      "minimumRecall", in: 0...1,
      "Layers are restored until this share of associative recall's values is named.")
    cache = reader.optionalObject("maximumCache", "No more layers than this leaves room for.") {
      (
        $0.integer("bytes", in: 1...Int.max, "Bytes of the memories of all layers."),
        $0.integer("length", in: 1...(1 << 30), default: 8192, "Tokens read by then.")
      )
    }
    reportMistakes(to: reader)
  }

  private func reportMistakes(to reader: DocumentReader) {
    if keep == nil, maximumDivergence == nil, minimumRecall == nil, cache == nil {
      reader.report(
        "keep",
        "is missing; say how many layers keep softmax, or give maximumDivergence, minimumRecall or "
          + "maximumCache")
    }
    for (key, weight, bound, boundKey) in [
      ("text", weights.divergence, maximumDivergence, "maximumDivergence"),
      ("associative", weights.associative, minimumRecall, "minimumRecall"),
    ] where weight == 0 && bound != nil {
      reader.report(
        "\(key).weight", "found 0 beside \(boundKey), which it measures; give a number above 0")
    }
    if weights == SelectionWeights(divergence: 0, associative: 0, passkey: 0) {
      reader.report(
        "text.weight", "found 0, as those of associative and passkey; one must be above 0")
    }
  }

  public func problem(after earlier: [RecipeStage]) -> String? {
    if let stage = earlier.first(where: { $0.specification is SoftmaxLayerSelection }) {
      return
        "chooses a second time; \(stage.described) before it has done so, remove one of the two"
    }
    guard let stage = earlier.first(where: { $0.specification.changesProjections }) else {
      return linear == .student && !earlier.contains { $0.specification.phase == .transfer }
        ? "scores the student's own attention, which no stage before it has trained; put it behind "
          + "\"\(AttentionTransfer.name)\", or set \"linear\" to \"window\"" : nil
    }
    return "gives layers back to the teacher, but \(stage.described) before it has changed the "
      + "weights; put it before that stage"
  }

  public func checkInputs(
    sequenceLength: Int, teacher: DecoderConfiguration, teacherDigest: () throws -> String
  ) throws {
    if let problem = candidates.problems(of: teacher.layers).first {
      throw StageMistake(stage: Self.name, field: "candidates", problem: problem)
    }
    let count = candidateLayers(of: teacher.layers).count
    if let keep, keep > count {
      throw StageMistake(
        stage: Self.name, field: "keep",
        problem: "found \(keep), expected at most the \(count) layers that may be chosen")
    }
    for (key, weight, length) in [
      ("associative", weights.associative, associative.length),
      ("passkey", weights.passkey, passkey.length),
    ] where weight > 0 && length > teacher.maximumPositions {
      throw StageMistake(
        stage: Self.name, field: "\(key).length",
        problem:
          "found \(length), expected at most the teacher's \(teacher.maximumPositions) tokens")
    }
  }

  /// Layers that may be chosen, ascending.
  func candidateLayers(of layers: Int) -> [Int] {
    candidates.isEmpty ? Array(0..<layers) : candidates.layers(of: layers)
  }

  /// - Parameter limit: layers at most.
  func choice(layers: Int, limit: Int? = nil) -> LayerChoice {
    let candidates = candidateLayers(of: layers)
    return LayerChoice(
      candidates: candidates, limit: min(keep ?? .max, limit ?? .max, candidates.count),
      rescored: rescored, restoresAll: restoresAll, weights: weights,
      maximumDivergence: maximumDivergence, minimumRecall: minimumRecall)
  }

  /// A student in which as many layers keep softmax as may be chosen, for estimates.
  func sketch(_ student: Decoder) -> Decoder {
    let count = choice(layers: student.layers.count).limit
    let kept = Set(candidateLayers(of: student.layers.count).prefix(count))
    return student.replacingMixers { kept.contains($0.index) ? $0.teacherMixer : nil }
  }

  /// Tokens of one pass over everything that is asked.
  var probeTokens: Int {
    let pairs = max(1, associative.length / 8)
    return (weights.divergence > 0 ? textTokens : 0)
      + (weights.associative > 0
        ? (associative.queries + pairs - 1) / pairs * associative.length : 0)
      + (weights.passkey > 0 ? passkey.length * passkey.count : 0)
  }
}

extension DocumentReader {
  fileprivate func selectionWeight() -> Double {
    number(
      "weight", in: 0...1e9, default: 1,
      "How much it counts, as a part of what is lost without any softmax; at 0 it is not measured.")
  }
}

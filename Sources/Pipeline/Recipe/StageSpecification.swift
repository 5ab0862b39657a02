import Documents

/// Where a stage stands in a conversion; stages of a recipe come in this order.
public enum StagePhase: Int, Sendable, Comparable {
  /// A model learns to predict tokens from nothing.
  case pretraining
  /// The new attention learns to give the teacher's outputs.
  case transfer
  /// The whole student learns to predict tokens again.
  case adaptation
  /// The student is measured.
  case evaluation

  public static func < (left: StagePhase, right: StagePhase) -> Bool {
    left.rawValue < right.rawValue
  }
}

/// One stage of a recipe: what `linearize` is to do next to the student.
///
/// A new stage is one file with a type that conforms, and one line in `StageRegistry`.
public protocol StageSpecification: Sendable {
  /// The word after `"stage":`.
  static var name: String { get }
  /// One sentence for `linearize list` and the schema.
  static var summary: String { get }
  static var phase: StagePhase { get }

  init(_ reader: DocumentReader)

  /// What the stage tells a training loop; `nil` for a stage that trains nothing.
  var training: TrainingSpecification? { get }
}

extension StageSpecification {
  public var name: String { Self.name }
  public var phase: StagePhase { Self.phase }
  public var training: TrainingSpecification? { nil }
}

/// The stages a recipe may name.
public enum StageRegistry {
  public static let all: [any StageSpecification.Type] = [
    PretrainingSpecification.self,
    AttentionTransferSpecification.self,
    LowRankAdaptationSpecification.self,
    EvaluationSpecification.self,
  ]

  /// - Returns: `nil` after the mistake of an unknown stage.
  static func read(_ reader: DocumentReader) -> (any StageSpecification)? {
    let cases = all.map { type in
      DocumentVariant<any StageSpecification>(type.name) { type.init($0) }
    }
    return reader.variant("stage", of: cases, "What this stage does.")
  }
}

import Documents
import Training
import Transformers

/// What a stage is for.
public enum StagePhase: Sendable {
  /// A model learns to predict tokens from nothing.
  case pretraining
  /// The new attention learns to give the teacher's outputs.
  case transfer
  /// The whole student learns to predict tokens again.
  case adaptation
  /// The student is measured.
  case evaluation
}

/// Which teachers a stage is for.
public enum StageModels: Sendable {
  case all
  /// Those that predict a next token.
  case decoders
  case encoders

  func include(isEncoder: Bool) -> Bool {
    switch self {
    case .all: true
    case .decoders: !isEncoder
    case .encoders: isEncoder
    }
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
  /// Decoders alone where a stage pretrains or adapts, unless it says otherwise.
  static var models: StageModels { get }

  init(_ reader: DocumentReader)

  /// What the stage tells a training loop; `nil` for a stage that trains nothing.
  var training: TrainingSpecification? { get }

  /// Tokens of the stage's sequences where they are not those of `data.sequenceLength`.
  var sequenceLength: Int? { get }
}

extension StageSpecification {
  public var name: String { Self.name }
  public var phase: StagePhase { Self.phase }
  public static var models: StageModels {
    [.transfer, .evaluation].contains(phase) ? .all : .decoders
  }
  public var training: TrainingSpecification? { nil }
  public var sequenceLength: Int? { nil }
}

/// A stage that costs time, memory and disk worth telling beforehand.
protocol TrainingStageSpecification: StageSpecification {
  func cost(_ sizes: StageSizes) -> StageCost
  /// Names of what the stage trains.
  func trainedNames(_ names: StudentNames) -> [String]
}

/// A stage that trains a student of the run's teacher and leaves an artefact.
protocol StudentStageSpecification: TrainingStageSpecification {
  /// Trains `context.student`, from where its own checkpoints say it was.
  func train(in context: StageContext) throws
  /// Looks at what the stage needs besides teacher and text, before any stage does work.
  ///
  /// - Parameter teacherDigest: of the teacher's weights.
  func checkInputs(
    _ recipe: Recipe, teacher: DecoderConfiguration, teacherDigest: () throws -> String) throws
}

extension StudentStageSpecification {
  func checkInputs(
    _ recipe: Recipe, teacher: DecoderConfiguration, teacherDigest: () throws -> String
  ) throws {}
}

/// A stage that trains those weights of the student that its recipe names.
protocol NamedWeightsSpecification: StudentStageSpecification {
  /// Patterns of the names of what is trained.
  var parameters: [NamePattern] { get }
  /// Whether a tied head that is named becomes a weight beside the embedding.
  var untiesHead: Bool { get }
}

extension NamedWeightsSpecification {
  func trainedNames(_ names: StudentNames) -> [String] {
    names.matching(parameters, untiesHead: untiesHead)
  }
}

/// The stages a recipe may name, in the order in which it may name them.
public enum StageRegistry {
  public static let all: [any StageSpecification.Type] = [
    PretrainingSpecification.self,
    AttentionTransferSpecification.self,
    OutputAlignmentSpecification.self,
    LowRankAdaptationSpecification.self,
    LogitDistillationSpecification.self,
    FinetuningSpecification.self,
    EmbeddingDistillationSpecification.self,
    EvaluationSpecification.self,
  ]

  static func position(of stage: any StageSpecification) -> Int {
    all.firstIndex { $0.name == stage.name }!
  }

  /// - Returns: `nil` after the mistake of an unknown stage.
  static func read(_ reader: DocumentReader) -> (any StageSpecification)? {
    let cases = all.map { type in
      DocumentVariant<any StageSpecification>(type.name) { type.init($0) }
    }
    return reader.variant("stage", of: cases, "What this stage does.")
  }
}

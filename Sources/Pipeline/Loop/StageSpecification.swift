import Documents
import Transformers

/// What a stage is for.
public enum StagePhase: Sendable {
  /// A model learns to predict tokens from nothing.
  case pretraining
  /// Parts of the student are chosen by measuring.
  case selection
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
/// A new stage is one file with a type that conforms, to `TrainingStage` where it trains, and one
/// line in `StageRegistry`.
public protocol StageSpecification: Sendable {
  /// The word after `"stage":`.
  static var name: String { get }
  /// One sentence for `linearize list` and the schema.
  static var summary: String { get }
  /// What the stage is for.
  static var phase: StagePhase { get }
  /// Decoders alone where a stage pretrains or adapts, unless it says otherwise.
  static var models: StageModels { get }

  /// Reads the stage's own keys of its entry in `stages`.
  init(_ reader: DocumentReader)

  /// What the stage tells a training loop; `nil` for a stage that trains nothing.
  var training: TrainingSpecification? { get }

  /// Tokens of the stage's sequences where they are not those of `data.sequenceLength`.
  var sequenceLength: Int? { get }

  /// Whether queries, keys and values are no longer the teacher's projections afterwards.
  var changesProjections: Bool { get }
  /// Whether low-rank updates stand beside the weights afterwards.
  var leavesAdapters: Bool { get }
  /// Why the stage makes no sense behind others; nil when it does.
  ///
  /// - Parameter earlier: the stages before it.
  func problem(after earlier: [RecipeStage]) -> String?

  /// Files that the stage reads, by their key below it.
  var inputs: [(field: String, path: String)] { get }
  /// Looks into what the stage needs besides teacher and text, before any stage does work. It is told
  /// the tokens of the recipe's sequences; to ask for the digest, SHA-256 of the teacher's weights,
  /// reads all of them.
  func checkInputs(
    sequenceLength: Int, teacher: DecoderConfiguration, teacherDigest: () throws -> String
  ) throws

  /// Carries the stage out, or takes what it left when it is done.
  func run(_ stage: RecipeStage, in context: StageContext) throws
}

extension StageSpecification {
  public var name: String { Self.name }
  public var phase: StagePhase { Self.phase }
  public static var models: StageModels {
    [.transfer, .evaluation].contains(phase) ? .all : .decoders
  }
  public var training: TrainingSpecification? { nil }
  public var sequenceLength: Int? { nil }
  public var changesProjections: Bool { phase == .adaptation }
  public var leavesAdapters: Bool { false }
  public func problem(after earlier: [RecipeStage]) -> String? { nil }
  public var inputs: [(field: String, path: String)] { [] }

  public func checkInputs(
    sequenceLength: Int, teacher: DecoderConfiguration, teacherDigest: () throws -> String
  ) throws {}
}

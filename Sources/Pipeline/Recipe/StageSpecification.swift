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
  /// Looks into what the stage needs besides teacher and text, before any stage does work.
  ///
  /// - Parameter teacherDigest: SHA-256 of the teacher's weights; to ask for it reads all of them.
  func checkInputs(
    _ recipe: Recipe, teacher: DecoderConfiguration, teacherDigest: () throws -> String
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
    _ recipe: Recipe, teacher: DecoderConfiguration, teacherDigest: () throws -> String
  ) throws {}
}

extension [RecipeStage] {
  /// What is to be done about low-rank updates that a stage cannot have beside its own.
  func adapterProblem(_ reason: String) -> String? {
    guard let stage = first(where: { $0.specification.leavesAdapters }) else { return nil }
    return "stands behind \(stage.described), whose low-rank updates are not weights yet, and "
      + "\(reason); set \"merge\": true in stages[\(stage.index)]"
  }
}

/// A stage in its place in a recipe.
public struct RecipeStage: Sendable {
  /// Tells the stage apart from all others of the recipe; its checkpoints, artefact, metrics and
  /// TensorBoard curves carry it.
  public let id: String
  /// Place among the recipe's stages, from 0.
  public let index: Int
  /// What the stage does.
  public let specification: any StageSpecification

  /// The word after `"stage":`.
  public var name: String { specification.name }
  /// What the stage tells a training loop; `nil` for a stage that trains nothing.
  public var training: TrainingSpecification? { specification.training }

  /// `01-attention-transfer`: names of artefacts sort as their stages do.
  var numberedName: String {
    let number = String(index + 1)
    return String(repeating: "0", count: max(0, 2 - number.count)) + number + "-" + id
  }

  /// How a message names the stage.
  var described: String { id == name ? "\"\(name)\"" : "\"\(id)\" (\(name))" }
}

/// Ids of stages as they come: those that are given, or the stage's name, with the next free number
/// behind it where it repeats.
struct StageIdentifiers {
  private var taken: Set<String> = []

  mutating func next(_ name: String, given: String?) -> String {
    var id = given ?? name
    if given == nil {
      var number = 1
      while taken.contains(id) {
        number += 1
        id = "\(name)-\(number)"
      }
    }
    taken.insert(id)
    return id
  }

  /// Why a given id cannot be used; nil when it can.
  func problem(with id: String) -> String? {
    if taken.contains(id) {
      return "found \"\(id)\" a second time; expected a word that no stage before it has"
    }
    let isPlain = id.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-_".contains($0)) }
    if id.hasPrefix("step-") {
      return "found \"\(id)\", expected another word: checkpoints are called step-…"
    }
    if id.isEmpty || !isPlain || Int(id) != nil {
      return "found \"\(id)\", expected letters, digits, - and _, and not digits alone: files are "
        + "named by it"
    }
    return nil
  }

  /// The words by which elements of a document's array of stages can be named, ids first.
  static func names(of elements: [JSONValue]) -> [[String]] {
    var identifiers = StageIdentifiers()
    return elements.map { element in
      guard let name = element["stage"]?.stringValue else { return [] }
      return [identifiers.next(name, given: element["id"]?.stringValue), name]
    }
  }
}

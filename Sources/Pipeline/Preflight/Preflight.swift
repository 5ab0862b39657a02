import Checkpoints
import Documents
import Foundation
import Models
import Transformers

/// A recipe that was found able to run, with what was opened to find it out.
///
/// `validate`, `--dry-run` and `run` all begin with it, so they refuse the same recipes, for the same
/// reasons, in the same order. Text is read when a run begins, before its first stage.
public struct Preflight {
  /// The recipe and its resolved form.
  public let loaded: LoadedRecipe
  /// The run's teacher, or the model that it trains from the start.
  let teacher: LoadedModel
  /// The student as it is before any stage, on the teacher's weights.
  let student: Decoder
  /// SHA-256 of the teacher's weights.
  let teacherDigest: TeacherDigest

  /// Looks for every file that the recipe names, opens the teacher, of which only the headers are
  /// read, and holds student, stages and texts against it.
  ///
  /// - Parameter drawsWeights: whether a new model gets its weights, to be run.
  /// - Throws: the one mistake that there is, or `PreflightMistakes` with all of them.
  public init(_ loaded: LoadedRecipe, drawsWeights: Bool = false) throws {
    let recipe = loaded.recipe
    let seed = UInt64(recipe.seed)
    var found = MistakeList(path: loaded.path)
    found.note { try loaded.checkInputs() }
    // What is missing has been said; without a teacher nothing more can be.
    if let path = recipe.teacher.path, !FileManager.default.fileExists(atPath: path) {
      try found.throwIfAny()
    }
    let teacher = found.note {
      try LoadedModel.open(recipe.teacher, seed: seed, drawsWeights: drawsWeights)
    }
    guard let teacher else { throw found.error }
    let digest = TeacherDigest(teacher.source)
    found.note { try Self.requireTeacher(teacher, recipe.teacher, digest) }
    let configuration = teacher.decoder.configuration
    let fits = found.note { try loaded.requireFit(configuration) } != nil
    let student = Decoder(configuration: configuration, weights: teacher.decoder.weights)
    let stands: Void? = found.note {
      if let specification = recipe.student {
        try student.install(specification, seed: seed, location: loaded.path)
      }
    }
    if stands != nil { found.note { try loaded.requireStages(of: student) } }
    // What a stage needs of a teacher of another kind is no question.
    for stage in recipe.stages where fits {
      found.note {
        try stage.specification.checkInputs(
          sequenceLength: recipe.data.packing.sequenceLength, teacher: configuration
        ) { try digest.value() }
      }
    }
    try found.throwIfAny()
    self.loaded = loaded
    self.teacher = teacher
    self.student = student
    teacherDigest = digest
  }

  private static func requireTeacher(
    _ model: LoadedModel, _ teacher: TeacherSpecification, _ digest: TeacherDigest
  ) throws {
    if model.student != nil {
      throw ModelError(
        location: model.location,
        problems: ["is a student already; expected a checkpoint with softmax attention"])
    }
    guard let expected = teacher.sha256 else { return }
    let found = try digest.value()
    if found != expected {
      throw ModelError(
        location: teacher.path ?? "",
        problems: [
          "its weights have SHA-256 \(found), expected \(expected) as $.teacher.sha256 says"
        ])
    }
  }
}

/// The SHA-256 of a model's weights, computed when it is first asked for: all of them are read.
final class TeacherDigest {
  private let source: ModelSource
  private var known: String?

  init(_ source: ModelSource) { self.source = source }

  /// - Throws: `PublicationError` for files that cannot be read.
  func value() throws -> String {
    if let known { return known }
    let digest = try source.contentDigest()
    known = digest
    return digest
  }
}

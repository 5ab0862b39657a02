import Checkpoints
import Documents
import Models
import TensorCore
import Transformers

/// Training from scratch: every weight of the teacher, and of the student's attention if there is
/// one, on next-token cross-entropy. The stage writes the model as a folder that is a teacher to
/// every command, or, with another attention than softmax, a student.
public struct Pretrain: StageSpecification {
  public static let name = "pretrain"
  public static let summary =
    "Trains all weights of a model to predict the next token, from random ones or a checkpoint's."
  public static let phase = StagePhase.pretraining

  /// The rate unless the recipe names one.
  public static let defaultLearningRate = 1e-3

  private let trainingSpecification: TrainingSpecification
  public var training: TrainingSpecification? { trainingSpecification }
  let losses: [any TokenLoss]
  /// Whether layers are computed again in the backward pass instead of kept.
  let activationCheckpointing: Bool
  /// Of the tensors in the folder that it writes.
  let dtype: ExportType

  public init(_ reader: DocumentReader) {
    trainingSpecification = TrainingSpecification(
      reader, learningRate: Self.defaultLearningRate)
    losses = reader.nextTokenLosses(comparesTeacher: false)
    activationCheckpointing = reader.activationCheckpointing()
    dtype = reader.choice(
      "dtype", default: .float32, "Type of the tensors in the folder that the stage writes.")
  }
}

extension Pretrain: TrainingStage {
  public func problem(after earlier: [RecipeStage]) -> String? {
    earlier.first { $0.specification.phase == .evaluation }.map {
      "makes the model that \($0.described) before it is to measure; put it first"
    }
  }

  /// Trains a model from the start, or takes its folder when it is there; from then on it is what
  /// the run is about.
  public func run(_ stage: RecipeStage, in context: StageContext) throws {
    let path: String
    if let found = context.run.artefact(of: stage, suffix: "") {
      path = found
      context.progress.log("\(stage.id): done before, taken from \(path)")
    } else {
      try context.stopIfAsked(in: stage.id)
      path = context.run.artefactPath(of: stage)
      let start = context.clock()
      try train(stage.id, in: context)
      try context.requireTeacher()
      try write(context.hasStudent ? context.artefact(of: stage) : nil, to: path, in: context)
      context.progress.log("\(stage.id): \(path), \(Int((context.clock() - start).rounded())) s")
    }
    let model = try LoadedModel.open(path)
    context.teacher = model
    context.student = model.decoder
    BufferPool.shared.drain()
  }

  func prepare(_ student: Decoder, seed: UInt64) { student.unfreezeWeights() }

  func makeObjective(
    _ id: String, data: RecipeData, in context: StageContext
  ) -> any Objective {
    TokenObjective(losses, isCheckpointed: activationCheckpointing, in: context)
  }

  /// - Parameter artefact: what the folder says of a student; nil for a teacher.
  private func write(_ artefact: StudentArtefact?, to folder: String, in context: StageContext)
    throws
  {
    let model = try LoadedModel(
      location: context.run.path, decoder: context.student, source: context.teacher.source,
      student: artefact)
    _ = try ModelExport(
      model, type: dtype, mergesAdapters: false, shardBytes: 5_000_000_000
    ).run(to: folder)
  }

  func trainedNames(_ names: StudentNames) -> [String] { names.mixers + names.weights }

  func cost(_ sizes: StageSizes) -> StageCost {
    sizes.allWeights(isCheckpointed: activationCheckpointing)
  }
}

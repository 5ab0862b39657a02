import Documents
import Students
import Transformers

/// Stage 1 of RADLADS (arXiv 2505.03005, section 3.2): on the teacher's residual stream the whole
/// new attention of every layer, its projections included, learns what the teacher's adds to it.
public struct OutputAlignment: StageSpecification {
  public static let name = "output-alignment"
  public static let summary =
    "Trains every layer's new attention and its projections to add what the teacher's adds."
  public static let phase = StagePhase.transfer

  /// The original's, with a quarter cosine down to 1e-5.
  public static let defaultLearningRate = 1e-3

  /// What `loss` may say in the place of `losses`.
  private enum ShortForm: String, CaseIterable { case l2, mse }

  private let trainingSpecification: TrainingSpecification
  public var training: TrainingSpecification? { trainingSpecification }
  let losses: LayerLosses
  let activations: StoredActivationsSpecification?

  public init(_ reader: DocumentReader) {
    trainingSpecification = TrainingSpecification(
      reader, learningRate: Self.defaultLearningRate)
    losses = LayerLosses(
      reader.losses(
        of: LossRegistry.layerVariants(comparesWeights: false), weight: { $0.weight },
        keys: ["loss"]
      ) { reader in
        let form: ShortForm = reader.choice(
          "loss", default: .l2,
          "The one loss; l2: \"\(ResidualDistance.kind)\"; mse: \"\(ResidualMeanSquaredError.kind)\"."
        )
        switch form {
        case .l2: return [["kind": .string(ResidualDistance.kind)]]
        case .mse: return [["kind": .string(ResidualMeanSquaredError.kind)]]
        }
      }, reads: .stream)
    activations = reader.storedActivations()
  }
}

extension OutputAlignment: TransferStage {
  public var changesProjections: Bool { true }

  public func problem(after earlier: [RecipeStage]) -> String? {
    earlier.adapterProblem("trains the projections under them")
  }

  /// The projections, with biases and head norms, become the student's own.
  func prepare(_ student: Decoder, seed: UInt64) {
    let projections = Set(StudentNames(student).projections)
    student.unfreezeWeights { projections.contains($0) }
  }

  func trainedNames(_ names: StudentNames) -> [String] { names.mixers + names.projections }

  func cost(_ sizes: StageSizes) -> StageCost {
    sizes.transfer(
      parameters: sizes.mixerParameters + sizes.projectionParameters,
      trainedOperations: sizes.mixerOperations + 2 * Double(sizes.projectionParameters),
      activations: activations)
  }
}

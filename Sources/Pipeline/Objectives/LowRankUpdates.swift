import Documents
import Models
import Students
import Transformers

/// Low-rank updates of the attention projections, as a stage asks for them.
public struct LowRankUpdates: Sendable, Equatable {
  /// A projection of the attention that an update is added to.
  public enum Target: String, CaseIterable, Sendable { case queries, keys, values, output }

  /// Columns of `B`, and rows of `A`.
  public var rank: Int
  /// The update is `alpha / rank * B A`.
  public var alpha: Double
  /// Probability that an input of `A` is set to zero in training.
  public var dropout: Double
  /// In the order of the recipe, without repetition.
  public var targets: [Target]
  /// Whether feature maps and window factors go on training; LoLCATs freezes them here.
  public var trainFeatureMaps: Bool
  /// Whether the updates are added into the weights at the end.
  public var merge: Bool

  /// Reads the keys of a stage that adds low-rank updates.
  public init(_ reader: DocumentReader) {
    rank = reader.integer("rank", in: 1...16_384, default: 8, "Rank of the updates.")
    alpha = reader.number(
      "alpha", above: 0, default: 16, "An update is alpha / rank times the product B A.")
    dropout = reader.number(
      "dropout", in: 0...Double.infinity, below: 1, default: 0,
      "Probability that an input of A is set to zero in training.")
    let words = Target.allCases.map(\.rawValue)
    targets = reader.strings(
      "targets", of: words, default: words, "Projections of the attention that are updated."
    ).compactMap(Target.init)
    trainFeatureMaps = reader.boolean(
      "trainFeatureMaps", default: false,
      "Go on training feature maps and window factors; the paper freezes them here.")
    merge = reader.boolean(
      "merge", default: false, "Add the updates into the weights at the end.")
    if Set(targets).count < targets.count {
      reader.report("targets", "names a projection twice; expected each at most once")
    }
    if targets.isEmpty, !trainFeatureMaps {
      reader.report(
        "targets", "is empty; expected at least one of \(words.joined(separator: ", "))")
    }
  }

  var projections: [AttentionProjection] {
    targets.map { AttentionProjection(rawValue: $0.rawValue)! }
  }

  /// Numbers that are trained.
  func parameters(_ sizes: StageSizes) -> Int {
    targets.reduce(trainFeatureMaps ? sizes.mixerParameters : 0) { total, target in
      let width =
        switch target {
        case .queries, .output: sizes.heads
        case .keys, .values: sizes.configuration.attention.keyWidth
        }
      return total + sizes.convertedLayers * rank * (sizes.hidden + width)
    }
  }

  /// Names of what is trained.
  func trainedNames(_ names: StudentNames) -> [String] {
    names.adapters(projections) + (trainFeatureMaps ? names.mixers : [])
  }

  /// Puts the updates on the student, and freezes its feature maps where they are not to be trained.
  func add(to student: Decoder, seed: UInt64) {
    student.addAdapters(
      projections, rank: rank, alpha: Float(alpha), dropout: Float(dropout), seed: seed)
    for layer in student.layers {
      for parameter in layer.mixer.parameters {
        parameter.isTrainable = parameter.isTrainable && trainFeatureMaps
      }
    }
  }

  /// Tells dropout which batch of the stage is trained on; nil outside training.
  static func setStep(_ step: Int?, of student: Decoder) {
    for layer in student.layers {
      for adapter in layer.adapters.values { adapter.step = step }
    }
  }

  /// Merges the updates after training, or says what the artefact is to hold.
  func finish(_ context: StageContext) {
    if merge {
      context.student.mergeAdapters()
    } else {
      context.adapters = StudentArtefact.Adapters(
        rank: rank, alpha: alpha, targets: projections)
    }
  }
}

extension StageSizes {
  /// Low-rank updates through the whole model, whose own weights need no gradient.
  func lowRank(_ updates: LowRankUpdates, isCheckpointed: Bool) -> StageCost {
    let parameters = updates.parameters(self)
    let forwards = isCheckpointed ? 2.0 : 1.0
    return StageCost(
      parameters: parameters,
      memoryBytes: 4 * parameters * 5 + graphBytes(isCheckpointed: isCheckpointed) + scratchBytes,
      diskBytes: 4 * parameters * 12,
      operationsPerToken: (forwards + 1) * bodyOperations + 2 * headOperations
        + (forwards + MixerCost.backwardFactor) * attentionOperations)
  }
}

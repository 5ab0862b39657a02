import Documents

/// One entry of a stage's `losses`: what is compared with the teacher, and how much it counts.
///
/// A new loss is one file with a type that conforms to the protocol of its place, and one line in
/// `LossRegistry`.
public protocol Loss: Sendable {
  /// The word after `"kind":`.
  static var kind: String { get }
  /// One sentence for `linearize list` and the schema.
  static var summary: String { get }

  /// Reads the loss's own keys, `weight` among them.
  init(_ reader: DocumentReader)

  /// Factor in the stage's loss; with 0 the loss is measured and not trained on.
  var weight: Double { get }
  /// As metrics and TensorBoard name it, before its weight.
  var metric: String { get }
}

/// The losses that recipes may name, by the stages they are for.
public enum LossRegistry {
  /// Of one layer's new attention against the teacher's.
  static let layer: [any LayerLoss.Type] = [
    OutputMeanSquaredError.self,
    AttentionWeightCrossEntropy.self,
    FarAttentionCrossEntropy.self,
    FarMassCrossEntropy.self,
    ResidualDistance.self,
    ResidualMeanSquaredError.self,
  ]

  /// Of next-token distributions.
  static let token: [any TokenLoss.Type] = [
    TeacherDivergence.self,
    TokenCrossEntropy.self,
  ]

  /// Of embeddings of whole texts.
  static let embedding: [any EmbeddingLoss.Type] = [
    EmbeddingCosine.self,
    EmbeddingSimilarities.self,
  ]

  /// All of them.
  public static var all: [any Loss.Type] { layer + token + embedding }
}

extension DocumentReader {
  /// The weight that every loss has.
  func lossWeight() -> Double {
    number(
      "weight", in: 0...Double.infinity, default: 1,
      "Factor in the stage's loss; with 0 the loss is measured and not trained on.")
  }

  /// A stage's losses, or what the keys that stood in their place before come to.
  ///
  /// - Parameters:
  ///   - kinds: that the stage may have.
  ///   - keys: short forms of entries; none for a stage that has always had a list.
  ///   - shortForm: reads them and gives the entries that they mean, the stage's defaults where
  ///     none is given.
  func losses<Kind>(
    of kinds: [DocumentVariant<Kind>], weight: (Kind) -> Double, keys: [String] = [],
    shortForm: (DocumentReader) -> [JSONValue]
  ) -> [Kind] {
    let meant = shortForms(shortForm)
    let entries = objects(
      "losses", minimum: 1, default: meant,
      "What is minimised, the weighted sum of these"
        + (keys.isEmpty ? "." : "; short forms: " + keys.joined(separator: ", ") + ".")
    ) { entry in
      entry.variant(
        "kind",
        of: kinds.map { kind in
          DocumentVariant(kind.word) { (kind: kind.word, loss: kind.read($0)) }
        }, "What is measured.")
    }.compactMap { $0 }
    guard has("losses") else { return entries.map(\.loss) }
    for key in keys where has(key) {
      report(key, "is given beside \"losses\", which has what it says; remove it")
    }
    for (index, entry) in entries.enumerated()
    where entries[..<index].contains(where: { $0.kind == entry.kind }) {
      report("losses[\(index)].kind", "names \"\(entry.kind)\" a second time; expected each once")
    }
    if !entries.isEmpty, entries.allSatisfy({ weight($0.loss) == 0 }) {
      report("losses", "all have weight 0, so there is no loss; give one a weight above 0")
    }
    return entries.map(\.loss)
  }
}

import Corpus
import Documents

/// The text a recipe trains and measures on, and how it becomes token sequences.
public struct DataSpecification: Sendable, Equatable {
  /// In which order training sequences are taken.
  public enum Order: String, CaseIterable, Sendable {
    /// Drawn anew for each epoch from the seed.
    case shuffled
    /// As the files have them.
    case sequential
    /// That of `RADLADSOrder`, whatever the seed.
    case radlads
  }

  /// Files that are trained on.
  public var train: [DatasetSpecification]
  /// Files whose loss steers and chooses.
  public var validation: [DatasetSpecification]
  /// Files that are measured on.
  public var test: [DatasetSpecification]
  /// How documents become sequences.
  public var packing: PackingSpecification
  /// The order in which training sequences are taken.
  public var order: Order
  /// Sequences kept from the start of the validation and of the test data; `nil` for all.
  public var validationSequences: Int?
  /// Sequences kept from the start of the test data; `nil` for all.
  public var testSequences: Int?

  /// Reads the `data` of a recipe.
  public init(_ reader: DocumentReader) {
    train = reader.objects(
      "train", "Files that are trained on.", DatasetSpecification.init)
    validation = reader.objects(
      "validation", "Files whose loss steers the schedule and chooses the best weights.",
      DatasetSpecification.init)
    test = reader.objects(
      "test", "Files that the evaluation measures on.", DatasetSpecification.init)
    packing = PackingSpecification(reader)
    order = reader.choice(
      "order", default: .shuffled,
      "Order in which training sequences are taken; radlads: the windows of a .bin file in the order "
        + "of RADLADS' code.")
    validationSequences = reader.optionalInteger(
      "validationSequences", in: 1...Int.max,
      "Sequences taken from the start of the validation data; null for all.")
    testSequences = reader.optionalInteger(
      "testSequences", in: 1...Int.max,
      "Sequences taken from the start of the test data; null for all.")
    if order == .radlads { reportStream(to: reader) }
  }

  /// That order is one of a single stream, cut into windows without a gap.
  private func reportStream(to reader: DocumentReader) {
    let expected = "with order \"radlads\", which takes the windows of one stream of tokens"
    if train.count != 1 || train[0].format != .binidx {
      reader.report(
        "train", "has \(train.count) data sets, expected one of format \"binidx\" \(expected)")
    }
    if packing.packing != .concatenated {
      reader.report(
        "packing", "found \"\(packing.packing.rawValue)\", expected \"concatenated\" \(expected)")
    }
    if packing.lastRemainder != .droppedIfPartial {
      reader.report(
        "lastRemainder",
        "found \"\(packing.lastRemainder.rawValue)\", expected \"droppedIfPartial\" \(expected)")
    }
    for (key, limit) in [
      ("maximumSequences", packing.maximumSequences), ("maximumTokens", packing.maximumTokens),
    ] where limit != nil {
      reader.report(key, "is given, expected none \(expected): its order depends on all of them")
    }
  }
}

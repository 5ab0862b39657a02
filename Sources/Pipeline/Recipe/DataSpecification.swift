import Corpus
import Documents

/// The text a recipe trains and measures on, and how it becomes token sequences.
public struct DataSpecification: Sendable, Equatable {
  public enum Order: String, CaseIterable, Sendable { case shuffled, sequential }

  public var train: [DatasetSpecification]
  public var validation: [DatasetSpecification]
  public var test: [DatasetSpecification]
  public var packing: PackingSpecification
  /// The order in which training sequences are taken, drawn anew for each epoch from the seed.
  public var order: Order
  /// Sequences kept from the start of the validation and of the test data; `nil` for all.
  public var validationSequences: Int?
  public var testSequences: Int?

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
      "order", default: .shuffled, "Order in which training sequences are taken in an epoch.")
    validationSequences = reader.optionalInteger(
      "validationSequences", in: 1...Int.max,
      "Sequences taken from the start of the validation data; null for all.")
    testSequences = reader.optionalInteger(
      "testSequences", in: 1...Int.max,
      "Sequences taken from the start of the test data; null for all.")
  }
}

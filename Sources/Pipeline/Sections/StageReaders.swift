import Documents

/// Fields that several stages have.
extension DocumentReader {
  func activationCheckpointing() -> Bool {
    boolean(
      "activationCheckpointing", default: false,
      "Compute each layer again in the backward pass instead of keeping its activations.")
  }

  /// Tokens.
  func stageSequenceLength() -> Int? {
    optionalInteger(
      "sequenceLength", in: 2...(1 << 24),
      "Tokens of this stage's sequences; null for those of data.sequenceLength.")
  }

  func storedActivations() -> StoredActivationsSpecification? {
    optionalObject(
      "activations",
      "Train from stored attention inputs, a block of layers at a time, for a teacher larger than "
        + "memory; null trains while the teacher passes.", StoredActivationsSpecification.init)
  }
}

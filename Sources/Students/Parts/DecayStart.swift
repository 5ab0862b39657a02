import Documents

/// How fast channels forget before any training.
enum DecayStart: String, CaseIterable {
  /// From slow to fast over the channels, as RADLADS has it.
  case scheduled
  /// Every head's channels by the mean distance of the teacher's attention in it.
  case calibrated

  init(_ reader: DocumentReader) {
    self = reader.choice(
      "decayStart", default: DecayStart.scheduled,
      "How fast channels forget before training; scheduled: from slow to fast over the channels, "
        + "as RADLADS; calibrated: by exp(−1/d) a token in a head whose attention in the teacher "
        + "looks d tokens back on average, measured on sequences of the training data")
  }
}

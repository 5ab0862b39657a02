/// Associative recall as token ids, to train on and to measure with (H3, arXiv 2212.14052, section
/// 3.1; Hedgehog, arXiv 2402.04347, section 3): pairs of a key and its value, then keys that were
/// told, each with the value it had.
///
///     k₁ v₁ … k_n v_n  k_a v_a  k_b v_b  …
///
/// Only the values behind keys that are asked are learned and scored. Keys are ids of the lower half
/// of the vocabulary, values of the upper half, paired anew in every sequence, so that nothing but
/// the context can tell a value. Keys are asked with replacement: where each is asked once, a model
/// learns which values are left instead of where they stand, and stays there. Sequences of few pairs
/// among those of many are what a small model learns the rest from.
enum RecallSequences {
  /// - Throws: `DatasetError` where sequences or vocabulary do not hold the pairs.
  static func make(
    _ specification: RecallSpecification, packing: PackingSpecification, vocabularySize: Int?
  ) throws -> TokenDataset {
    let length = packing.sequenceLength
    let (pairs, vocabulary) = (specification.pairs, specification.vocabulary)
    let fewest = specification.minimumPairs
    guard 2 * pairs < length else {
      throw DatasetError.badData(
        "associative-recall: \(pairs) pairs are \(2 * pairs) tokens, which leaves none to be asked in a"
          + " sequenceLength of \(length)")
    }
    if let vocabularySize, vocabulary > vocabularySize {
      throw DatasetError.badData(
        "associative-recall: a vocabulary of \(vocabulary), but the model has \(vocabularySize)"
          + " tokens")
    }
    let count = min(specification.sequences, packing.budget)
    if count == 0 {
      throw DatasetError.badData(
        "associative-recall: maximumTokens allow no sequence of \(length); raise them")
    }
    let sequences = (0..<count).map { index in
      sequence(
        pairs: fewest + index % (pairs - fewest + 1), half: vocabulary / 2, length: length,
        seed: UInt64(specification.seed), index: index)
    }
    var statistics = TokenDataset.Statistics()
    statistics.documents = count
    statistics.tokens = count * length
    return TokenDataset(sequences: PackedSequences(sequences), statistics: statistics)
  }

  private static func sequence(
    pairs: Int, half: Int, length: Int, seed: UInt64, index: Int
  ) -> PackedSequence {
    let order = { (place: Int, count: Int) in
      SequenceOrder.shuffled(count: count, seed: seed, epoch: 3 * index + place)
    }
    let keys = order(0, half).prefix(pairs).map { Int32($0) }
    let values = order(1, half).prefix(pairs).map { Int32(half + $0) }
    // Places of a long shuffle, counted round the pairs, are draws with replacement.
    let asked = order(2, pairs * length).prefix(length / 2 - pairs).map { $0 % pairs }
    var tokens: [Int32] = []
    var labels: [Int32] = []
    for (place, pair) in (Array(0..<pairs) + asked).enumerated() {
      tokens += [keys[pair], values[pair]]
      labels += [
        PackedSequence.ignoredLabel, place < pairs ? PackedSequence.ignoredLabel : values[pair],
      ]
    }
    let padding = length - tokens.count
    return PackedSequence(
      tokens: tokens + [Int32](repeating: 0, count: padding),
      labels: labels + [Int32](repeating: PackedSequence.ignoredLabel, count: padding),
      segments: [SequenceSegment(start: 0, count: tokens.count)])
  }
}

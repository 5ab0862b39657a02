import Corpus

/// Sequences that a stage will see, each once: those it trains on in the order in which it meets
/// them, then those of validation. A slot is a sequence's place here, and in the files made of it;
/// the sequences themselves stay where the data has them.
struct StageSequences: Sendable {
  private let data: RecipeData
  /// Indices into the training data, by slot.
  private let trained: [Int]
  /// Slots of training sequences, by their index in the data.
  private let trainSlots: [Int: Int]

  init(_ data: RecipeData, steps: Int, sequencesPerStep: Int) {
    var trained: [Int] = []
    var slots: [Int: Int] = [:]
    for step in 0..<steps {
      for index in data.trainingIndices(step: step, count: sequencesPerStep)
      where slots[index] == nil {
        slots[index] = trained.count
        trained.append(index)
      }
    }
    self.data = data
    self.trained = trained
    trainSlots = slots
  }

  var count: Int { trained.count + data.validation.count }
  var slots: Range<Int> { 0..<count }
  var validationSlots: Range<Int> { trained.count..<count }
  /// Tokens of every sequence.
  var length: Int { self[0].tokens.count }

  /// - Precondition: the stage sees the sequence.
  func slot(of place: MicroBatch.Place) -> Int {
    switch place {
    case .train(let index): trainSlots[index]!
    case .validation(let index): validationSlots.lowerBound + index
    }
  }

  subscript(slot: Int) -> PackedSequence {
    slot < trained.count ? data.train[trained[slot]] : data.validation[slot - trained.count]
  }
}

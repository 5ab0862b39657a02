import Corpus

/// What a stage minimises, measured one micro-batch at a time.
///
/// Everything else is the loop's: which sequences a step takes, how they are cut into
/// micro-batches, means over them, validation, the best weights, metrics and checkpoints.
protocol Objective {
  /// Validation sequences that are measured together.
  var validationBatchSize: Int { get }

  /// Measures a micro-batch, the same terms in the same order for each.
  ///
  /// - Parameter share: of this batch's loss in the step's; the gradients of the loss times the
  ///   share are then added to those of the trained parameters. nil: nothing but the measures is
  ///   wanted.
  func measure(_ batch: MicroBatch, share: Double?) throws -> [LossTerm]
}

extension Objective {
  var validationBatchSize: Int { 1 }
}

/// Sequences that go through the model together.
struct MicroBatch {
  /// Where a sequence stands in the recipe's data.
  enum Place: Hashable {
    case train(Int)
    case validation(Int)
  }

  let sequences: PackedBatch
  /// One for each row.
  let places: [Place]
  /// Number over the whole stage; nil outside training.
  let number: Int?

  /// Tokens that are not padding.
  var tokens: Int { sequences.segments.reduce(0) { $0 + $1.count } }
}

/// One part of a loss, summed over what it is a mean of.
struct LossTerm {
  /// As metrics name it.
  let name: String
  /// Factor of the mean in the loss.
  let weight: Double
  /// Index of the layer that it is of; nil for the whole model.
  var layer: Int?
  var sum: Double
  /// Tokens, texts, or batches whose mean the sum already is.
  var count: Int

  var mean: Double { sum / Double(max(1, count)) }
}

/// Means of a loss's terms over several micro-batches.
struct LossMeans {
  private var terms: [(term: LossTerm, mean: Double)]

  /// Of a step: every micro-batch's own mean counts as much as its share.
  init(of batches: [[LossTerm]], share: Double) {
    self.init(batches) { _, _, values in values.reduce(0) { $0 + $1.mean * share } }
  }

  /// Of validation: everything that was summed counts the same.
  init(of batches: [[LossTerm]]) {
    self.init(batches) { name, layer, values in
      LossTerm(
        name: name, weight: 1, layer: layer, sum: values.reduce(0) { $0 + $1.sum },
        count: values.reduce(0) { $0 + $1.count }
      ).mean
    }
  }

  private init(_ batches: [[LossTerm]], mean: (String, Int?, [LossTerm]) -> Double) {
    terms = (batches.first ?? []).enumerated().map { index, term in
      (term, mean(term.name, term.layer, batches.map { $0[index] }))
    }
  }

  /// Weighted sums of the terms of each layer, in the order of the layers; empty for a loss of the
  /// whole model.
  var byLayer: [(layer: Int, loss: Double)] {
    var found: [(layer: Int, loss: Double)] = []
    for (term, mean) in terms {
      guard let layer = term.layer else { continue }
      if found.last?.layer != layer { found.append((layer, 0)) }
      found[found.count - 1].loss += term.weight * mean
    }
    return found
  }

  /// The mean over layers, or the weighted sum of the whole model's terms.
  var loss: Double {
    let layers = byLayer
    if !layers.isEmpty { return layers.map(\.loss).mean }
    return terms.reduce(0) { $0 + $1.term.weight * $1.mean }
  }

  /// Every term by name, before weights, averaged over layers; empty where the loss is one term
  /// as it is.
  var parts: [(name: String, value: Double)] {
    var names: [String] = []
    for (term, _) in terms where !names.contains(term.name) { names.append(term.name) }
    if names.count == 1, terms.allSatisfy({ $0.term.weight == 1 }) { return [] }
    return names.map { name in (name, terms.filter { $0.term.name == name }.map(\.mean).mean) }
  }
}

/// Which of the processes that train together this one is.
struct JobPosition {
  let rank: Int
  /// Number of processes.
  let size: Int

  static let alone = JobPosition(rank: 0, size: 1)
}

extension [Double] {
  var mean: Double { isEmpty ? 0 : reduce(0, +) / Double(count) }
}

import Results

/// A greedy choice of the layers that keep softmax.
///
/// Each layer alone is made linear in the teacher. Then, from a model without any softmax, the layer
/// that helps most is restored, and the others are scored again beside it, until enough are. After
/// the first round only the best candidates are scored again.
public struct LayerChoice: Sendable {
  /// Layers that may be chosen, ascending.
  public var candidates: [Int]
  /// Layers to choose, at most.
  public var limit: Int
  /// How many of the candidates are scored in every round but the first.
  public var rescored: Int
  /// Whether the first round restores every candidate, or the best of `rescored` alone.
  public var restoresAll: Bool
  /// How much each measure counts.
  public var weights: SelectionWeights
  /// Choosing ends when the divergence is no more than this and the other bounds hold too; nil is
  /// no bound. Without bounds it ends at `limit`.
  public var maximumDivergence: Double?
  /// The least share of associative recall's values that ends it.
  public var minimumRecall: Double?

  /// A choice of `limit` layers.
  public init(
    candidates: [Int], limit: Int, rescored: Int, restoresAll: Bool, weights: SelectionWeights,
    maximumDivergence: Double? = nil, minimumRecall: Double? = nil
  ) {
    self.candidates = candidates
    self.limit = limit
    self.rescored = rescored
    self.restoresAll = restoresAll
    self.weights = weights
    self.maximumDivergence = maximumDivergence
    self.minimumRecall = minimumRecall
  }

  /// Candidates that are left after the first round: as many as are to be chosen, at least.
  private var poolSize: Int { min(candidates.count, max(rescored, limit)) }

  /// How many candidates each sweep has, at most.
  private var sweeps: [Int] {
    [candidates.count, restoresAll ? candidates.count : poolSize]
      + (1..<max(1, min(limit, candidates.count))).map { poolSize - $0 }
  }

  /// Models that are measured at most.
  public var models: Int { sweeps.reduce(restoresAll ? 0 : 1) { $0 + $1 + 1 } }

  /// Passes over all layers that this amounts to, about: a candidate in the middle stands for all.
  public var passes: Double { sweeps.reduce(restoresAll ? 1 : 2) { $0 + Double($1) / 2 + 1 } }

  /// Measures and chooses.
  ///
  /// - Parameters:
  ///   - linear: what a layer without softmax is, in words.
  ///   - progress: called as `LayerScorer.sweep` does.
  public func run(
    _ scorer: LayerScorer, linear: String, progress: (_ tokens: Int) throws -> Void
  ) rethrows -> SelectionResult {
    let all = Set(0..<scorer.layers)
    var tokens = 0
    func sweep(_ softmax: Set<Int>, _ changing: [Int]) throws -> (
      base: SelectionResult.Measures, changed: [Int: SelectionResult.Measures]
    ) {
      tokens += scorer.tokens(changing: changing)
      return try scorer.sweep(softmax: softmax, changing: changing, progress: progress)
    }
    let removed = try sweep(all, candidates)
    let empty = try sweep([], restoresAll ? candidates : [])
    let (teacher, without) = (removed.base, empty.base)
    func scored(_ changed: [Int: SelectionResult.Measures]) -> [SelectionResult.Candidate] {
      changed.sorted { $0.key < $1.key }.map { layer, measures in
        SelectionResult.Candidate(
          layer: layer, measures: measures,
          cost: weights.cost(of: measures, teacher: teacher, without: without))
      }
    }
    var result = SelectionResult(
      layers: scorer.layers, linear: linear, teacher: teacher, without: without,
      removed: scored(removed.changed), notes: weights.notes(teacher: teacher, without: without))
    var pool = best(result.removed, [])
    while result.rounds.count < limit, !isEnough(result.outcome) {
      let isFirst = result.rounds.isEmpty
      let remaining = pool.filter { !result.chosen.contains($0) }
      let changed =
        isFirst && restoresAll
        ? empty.changed : try sweep(Set(result.chosen), remaining).changed
      let round = scored(changed)
      // Of equal ones the lower layer.
      guard let chosen = round.min(by: { $0.cost < $1.cost }) else { break }
      result.rounds.append(.init(candidates: round, chosen: chosen.layer))
      if isFirst { pool = best(result.removed, round) }
    }
    if hasBounds, !isEnough(result.outcome) {
      result.notes.append(
        "The bounds were not reached with the \(result.rounds.count) layers that may be kept.")
    }
    result.tokens = tokens
    return result
  }

  private var hasBounds: Bool { maximumDivergence != nil || minimumRecall != nil }

  private func isEnough(_ measures: SelectionResult.Measures) -> Bool {
    guard hasBounds else { return false }
    return maximumDivergence.map { measures.divergence ?? .infinity <= $0 } ?? true
      && minimumRecall.map { measures.recall ?? 0 >= $0 } ?? true
  }

  /// The candidates that are worth scoring again, one in turn of those that cost most when removed
  /// and of those that help most when restored.
  private func best(
    _ removed: [SelectionResult.Candidate], _ restored: [SelectionResult.Candidate]
  ) -> [Int] {
    let lists = [
      removed.sorted { ($1.cost, $0.layer) < ($0.cost, $1.layer) },
      restored.sorted { ($0.cost, $0.layer) < ($1.cost, $1.layer) },
    ].map { $0.map(\.layer) }
    var found: [Int] = []
    for place in 0..<candidates.count {
      for list in lists where place < list.count && !found.contains(list[place]) {
        found.append(list[place])
      }
    }
    return found.prefix(poolSize).sorted()
  }
}

import Differentiation
import Operations
import TensorCore
import Transformers

/// Log-likelihoods of continuations by a decoder.
///
/// Requests are sorted by their tokens, so that those that begin alike are neighbours, and what
/// neighbours begin with is computed once a pass: a question for all of its choices, examples for
/// all questions behind them. There is no padding, so lengths need not be alike.
public struct LogLikelihoodScorer {
  /// Rows of a pass at most, unless a few long sequences alone have more.
  private static let rowsOfAPass = 1024
  /// Sequences as long as the longest that a pass may hold in any case, so that what they share is
  /// not computed again for each.
  private static let longestSequencesOfAPass = 4

  private let decoder: Decoder

  /// Scores with a decoder.
  public init(_ decoder: Decoder) { self.decoder = decoder }

  /// - Precondition: as below.
  public func score(_ requests: [LogLikelihoodRequest]) -> [LogLikelihood] {
    score(requests) { _, _ in }
  }

  /// - Parameter progress: called after every pass with the requests done and the rows it took;
  ///   what it throws ends the scoring.
  /// - Returns: in the order of the requests.
  /// - Precondition: every request has context and continuation; ids are below the vocabulary
  ///   size; contexts and continuations together are within learned positions.
  public func score(
    _ requests: [LogLikelihoodRequest],
    progress: (_ done: Int, _ rows: Int) throws -> Void
  ) rethrows -> [LogLikelihood] {
    var results = [LogLikelihood](
      repeating: LogLikelihood(sum: 0, isGreedy: true), count: requests.count)
    // The last token is predicted, not read.
    let sequences = requests.enumerated().map { position, request in
      precondition(
        !request.context.isEmpty && !request.continuation.isEmpty,
        "request \(position) has \(request.context.count) tokens of context and "
          + "\(request.continuation.count) to score")
      return request.context + request.continuation.dropLast()
    }
    let order = requests.indices.sorted {
      sequences[$0].lexicographicallyPrecedes(sequences[$1])
    }
    var done = 0
    while done < order.count {
      let pass = Self.pass(order[done...], sequences)
      let rows = score(pass, sequences, requests, into: &results)
      done += pass.count
      try progress(done, rows)
    }
    return results
  }

  /// As many of the next requests as belong into a pass, at least one.
  private static func pass(_ order: ArraySlice<Int>, _ sequences: [[Int32]]) -> ArraySlice<Int> {
    var rows = 0
    var longest = 0
    var previous: [Int32] = []
    for (count, index) in order.enumerated() {
      let sequence = sequences[index]
      let added = sequence.count - PrefixTree.sharedLength(previous, sequence)
      longest = max(longest, sequence.count)
      if count > 0, rows + added > max(rowsOfAPass, longestSequencesOfAPass * longest) {
        return order.prefix(count)
      }
      rows += added
      previous = sequence
    }
    return order
  }

  /// - Returns: rows of the pass.
  private func score(
    _ pass: ArraySlice<Int>, _ sequences: [[Int32]], _ requests: [LogLikelihoodRequest],
    into results: inout [LogLikelihood]
  ) -> Int {
    let tree = PrefixTree(pass.map { sequences[$0] })
    var rows: [Int] = []
    var targets: [Int32] = []
    for (path, index) in zip(tree.rows, pass) {
      rows += path.suffix(requests[index].continuation.count)
      targets += requests[index].continuation
    }
    let tape = Tape(isRecording: false)
    let hidden = decoder.hiddenStates(tree)
    let scored = embedding(rows.map(Int32.init), table: StoredTensor(hidden))
    let normed = decoder.finalNorm(tape.constant(scored), on: tape)
    let (losses, isArgmax, _) = linearCrossEntropy(
      normed.value, head: decoder.head, targets: targets, gradientScale: nil)
    var next = 0
    for index in pass {
      let scored = next..<next + requests[index].continuation.count
      results[index] = LogLikelihood(
        sum: -losses[scored].reduce(0.0) { $0 + Double($1) },
        isGreedy: isArgmax[scored].allSatisfy { $0 })
      next = scored.upperBound
    }
    return hidden.shape[0]
  }
}

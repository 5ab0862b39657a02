import Differentiation
import Foundation
import Operations
import Results
import Transformers

/// How well one token was predicted.
public struct ScoredToken {
  /// The sequence among those given, and the token's place in it.
  public let sequence, token: Int
  /// `−log p`, nats.
  public let loss: Double
  /// Whether it was held most probable.
  public let isCorrect: Bool
}

/// Mean next-token loss of a decoder; losses are summed in Double.
public struct PerplexityMeasurement {
  /// Short sequences are read together until a pass has this many rows: matrix products of a few
  /// rows cost as much as those of many.
  private static let rowsOfAPass = 1024
  /// Ranges of context lengths that losses are told apart by.
  private static let rangesOfPositions = 16

  private let decoder: Decoder
  /// Seconds of a clock that never goes back.
  private let clock: () -> Double

  /// Measures a decoder.
  ///
  /// - Parameter clock: Seconds, never going back.
  public init(_ decoder: Decoder, clock: @escaping () -> Double) {
    self.decoder = decoder
    self.clock = clock
  }

  /// - Precondition: ids are below the vocabulary size, sequences within learned positions.
  public func run(_ sequences: [EvaluationSequence]) -> PerplexityResult {
    run(sequences) { _ in }
  }

  /// - Parameters:
  ///   - scored: called for every scored token.
  ///   - progress: called after every pass; what it throws ends the measurement.
  /// - Precondition: ids are below the vocabulary size, sequences within learned positions.
  public func run(
    _ sequences: [EvaluationSequence], scored: (ScoredToken) -> Void = { _ in },
    progress: (PerplexityResult) throws -> Void
  ) rethrows -> PerplexityResult {
    var result = PerplexityResult(
      windows: [], positions: Self.positionRanges(sequences), tokens: 0, seconds: 0)
    var start = 0
    while start < sequences.count {
      var end = start
      var rows = 0
      repeat {
        rows += sequences[end].tokens.count
        end += 1
      } while end < sequences.count && rows + sequences[end].tokens.count <= Self.rowsOfAPass
      let begin = clock()
      result.windows += score(
        sequences[start..<end], positions: &result.positions, scored: scored)
      result.seconds += clock() - begin
      result.tokens += rows
      start = end
      try progress(result)
    }
    return result
  }

  /// Ranges of context lengths, equally wide, over the longest document.
  private static func positionRanges(_ sequences: [EvaluationSequence])
    -> [PerplexityResult.PositionRange]
  {
    let longest = sequences.lazy.flatMap(\.layout.segments).map(\.count).max() ?? 0
    let width = max(1, (longest + rangesOfPositions - 1) / rangesOfPositions)
    return stride(from: 0, to: longest, by: width).map {
      .init(first: $0, end: min(longest, $0 + width))
    }
  }

  private func score(
    _ sequences: ArraySlice<EvaluationSequence>,
    positions: inout [PerplexityResult.PositionRange], scored: (ScoredToken) -> Void
  ) -> [PerplexityResult.Window] {
    let joined = EvaluationSequence.joined(sequences)
    let contexts = joined.layout.positions
    let width = positions.first.map { $0.end - $0.first } ?? 1
    let hidden = decoder.hiddenStates(
      joined.tokens, layout: joined.layout, on: Tape(isRecording: false))
    let (losses, isArgmax, _) = linearCrossEntropy(
      hidden.value, head: decoder.head, targets: joined.targets, gradientScale: nil)
    var row = 0
    return sequences.indices.map { place in
      let sequence = sequences[place]
      var window = PerplexityResult.Window(lossSum: 0, scoredTokens: 0, correctTokens: 0)
      for index in row..<row + sequence.tokens.count where joined.targets[index] != ignoredTarget {
        window.lossSum += Double(losses[index])
        window.scoredTokens += 1
        window.correctTokens += isArgmax[index] ? 1 : 0
        let range = min(Int(contexts[index]) / width, positions.count - 1)
        positions[range].lossSum += Double(losses[index])
        positions[range].scoredTokens += 1
        scored(
          ScoredToken(
            sequence: place, token: index - row + 1, loss: Double(losses[index]),
            isCorrect: isArgmax[index]))
      }
      row += sequence.tokens.count
      return window
    }
  }
}

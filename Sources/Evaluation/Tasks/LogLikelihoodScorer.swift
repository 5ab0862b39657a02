import Differentiation
import Operations
import TensorCore
import Transformers

/// Log-likelihoods of continuations by a decoder.
///
/// Requests with one context share its forward pass, and continuations that begin alike are not
/// told apart further. Contexts are sorted by length, longest first, and packed into passes of
/// many rows; rows of different contexts see nothing of each other, so there is no padding.
public struct LogLikelihoodScorer {
  /// Rows of a pass, unless one context and its continuations alone are longer.
  private static let rowsOfAPass = 1024

  private let decoder: Decoder

  public init(_ decoder: Decoder) { self.decoder = decoder }

  /// - Precondition: as below.
  public func score(_ requests: [LogLikelihoodRequest]) -> [LogLikelihood] {
    score(requests) { _, _ in }
  }

  /// - Parameter progress: called after every pass with the requests done and the rows it took;
  ///   what it throws ends the scoring.
  /// - Returns: in the order of the requests.
  /// - Precondition: ids are below the vocabulary size; contexts and continuations together are
  ///   within learned positions.
  public func score(
    _ requests: [LogLikelihoodRequest],
    progress: (_ done: Int, _ rows: Int) throws -> Void
  ) rethrows -> [LogLikelihood] {
    var results = [LogLikelihood](
      repeating: LogLikelihood(sum: 0, isGreedy: true), count: requests.count)
    let groups = Self.groups(requests)
    var start = 0
    var done = 0
    while start < groups.count {
      var end = start
      var rows = 0
      repeat {
        rows += groups[end].rows
        end += 1
      } while end < groups.count && rows + groups[end].rows <= Self.rowsOfAPass
      score(groups[start..<end], requests, into: &results)
      done += groups[start..<end].reduce(0) { $0 + $1.requests.count }
      start = end
      try progress(done, rows)
    }
    return results
  }

  /// Requests of one context.
  private struct Group {
    let context: [Int32]
    /// Indices of requests.
    var requests: [Int]
    /// The context's, and every continuation's but its last token, which is only predicted.
    var rows: Int
  }

  /// Longest first; of equal length, in the order in which they were asked.
  private static func groups(_ requests: [LogLikelihoodRequest]) -> [Group] {
    var index: [[Int32]: Int] = [:]
    var groups: [Group] = []
    for (position, request) in requests.enumerated() {
      precondition(
        !request.context.isEmpty && !request.continuation.isEmpty,
        "request \(position) has \(request.context.count) tokens of context and "
          + "\(request.continuation.count) to score")
      let group: Int
      if let known = index[request.context] {
        group = known
      } else {
        group = groups.count
        index[request.context] = group
        groups.append(Group(context: request.context, requests: [], rows: request.context.count))
      }
      groups[group].requests.append(position)
      groups[group].rows += request.continuation.count - 1
    }
    return groups.enumerated().sorted {
      ($1.element.rows, $0.offset) < ($0.element.rows, $1.offset)
    }.map(\.element)
  }

  private func score(
    _ groups: ArraySlice<Group>, _ requests: [LogLikelihoodRequest],
    into results: inout [LogLikelihood]
  ) {
    let contexts = BranchingContexts(
      groups.map { group in
        .init(
          context: group.context,
          branches: group.requests.map { Array(requests[$0].continuation.dropLast()) })
      })
    var rows: [Int] = []
    var targets: [Int32] = []
    for (context, group) in groups.enumerated() {
      for (branch, request) in group.requests.enumerated() {
        rows += contexts.predictingRows(context: context, branch: branch)
        targets += requests[request].continuation
      }
    }
    let tape = Tape(isRecording: false)
    let hidden = decoder.finalNorm(
      tape.constant(decoder.hiddenStates(contexts).gathered(rows)), on: tape)
    let (losses, isArgmax, _) = linearCrossEntropy(
      hidden.value, head: decoder.weights.head, targets: targets, gradientScale: nil)
    var next = 0
    for group in groups {
      for request in group.requests {
        let scored = next..<next + requests[request].continuation.count
        results[request] = LogLikelihood(
          sum: -losses[scored].reduce(0.0) { $0 + Double($1) },
          isGreedy: isArgmax[scored].allSatisfy { $0 })
        next = scored.upperBound
      }
    }
  }
}

extension Tensor {
  /// Rows of a matrix in the order of `rows`, which may name one more than once.
  fileprivate func gathered(_ rows: [Int]) -> Tensor {
    let width = shape[1]
    var result = Tensor(uninitialized: [rows.count, width])
    result.withMutablePointer { result in
      withPointer {
        for (position, row) in rows.enumerated() {
          (result + position * width).update(from: $0 + row * width, count: width)
        }
      }
    }
    return result
  }
}

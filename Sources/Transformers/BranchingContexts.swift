import Differentiation
import Operations
import Students
import TensorCore

/// Contexts, each with any number of continuations, as the rows of one pass: what branches share
/// is computed once, and every matrix product is over all rows.
public struct BranchingContexts: Sendable {
  public struct Branching: Sendable {
    /// At least one token.
    public let context: [Int32]
    /// May be empty, each for itself: then the branch is the context alone.
    public let branches: [[Int32]]

    public init(context: [Int32], branches: [[Int32]]) {
      precondition(!context.isEmpty, "a context without tokens predicts nothing")
      self.context = context
      self.branches = branches
    }

    /// Rows of its context and branches.
    public var rows: Int { branches.reduce(context.count) { $0 + $1.count } }
  }

  /// Rows of one `Branching` in the pass.
  struct Rows: Sendable {
    let context: Range<Int>
    let branches: [Range<Int>]
  }

  let tokens: [Int32]
  let layout: SequenceLayout
  let rows: [Rows]

  public init(_ contexts: [Branching]) {
    var tokens: [Int32] = []
    var segments: [SequenceLayout.Segment] = []
    func append(_ part: [Int32], at position: Int) -> Range<Int> {
      let start = tokens.count
      if !part.isEmpty {
        segments.append(.init(start: start, count: part.count, firstPosition: position))
      }
      tokens += part
      return start..<tokens.count
    }
    rows = contexts.map { branching in
      Rows(
        context: append(branching.context, at: 0),
        branches: branching.branches.map { append($0, at: branching.context.count) })
    }
    self.tokens = tokens
    layout = SequenceLayout(rows: tokens.count, segments: segments)
  }

  /// Rows whose hidden states predict a branch and the token after it: the context's last, then
  /// the branch's own.
  public func predictingRows(context: Int, branch: Int) -> [Int] {
    [rows[context].context.upperBound - 1] + rows[context].branches[branch]
  }
}

extension Decoder {
  /// Output of the last layer before the final norm, `[rows, hiddenSize]`: every branch sees its
  /// context and itself.
  ///
  /// - Precondition: ids are below the vocabulary size, positions within learned ones.
  public func hiddenStates(_ contexts: BranchingContexts) -> Tensor {
    let tape = Tape(isRecording: false)
    let layout = contexts.layout
    let positions = layout.positions
    var x = tape.constant(embed(contexts.tokens, layout: layout))
    for layer in layers {
      let input = layer.projections(
        layer.attentionInput(x, on: tape), layout: layout, positions: positions, on: tape)
      let attention = mix(
        contexts.rows, layer.mixer, queries: input.queries.value, keys: input.keys.value,
        values: input.values.value)
      x = layer.finish(x, attention: tape.constant(attention), on: tape)
    }
    return x.value
  }

  /// The mixer's recurrent form along every context, forked for every branch; contexts are split
  /// over the workers.
  private func mix(
    _ rows: [BranchingContexts.Rows], _ mixer: any TokenMixer, queries: Tensor, keys: Tensor,
    values: Tensor
  ) -> Tensor {
    let width = queries.shape[1]
    var output = Tensor(uninitialized: queries.shape)
    output.withMutablePointer { output in
      WorkerPool.shared.parallel(rows.count) { index in
        func advance(_ state: any MixerState, _ range: Range<Int>) {
          let result = state.advance(
            queries: queries[rows: range], keys: keys[rows: range], values: values[rows: range])
          result.withPointer {
            (output + range.lowerBound * width).update(from: $0, count: range.count * width)
          }
        }
        let state = mixer.makeState()
        advance(state, rows[index].context)
        for branch in rows[index].branches where !branch.isEmpty {
          advance(state.copy(), branch)
        }
      }
    }
    return output
  }
}

extension Tensor {
  /// Consecutive rows of a matrix, copied.
  subscript(rows range: Range<Int>) -> Tensor {
    let width = shape[1]
    var result = Tensor(uninitialized: [range.count, width])
    result.withMutablePointer { result in
      withPointer {
        result.update(from: $0 + range.lowerBound * width, count: range.count * width)
      }
    }
    return result
  }
}

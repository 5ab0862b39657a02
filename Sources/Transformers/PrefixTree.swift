import Differentiation
import Operations
import Students
import TensorCore

/// Sequences as the rows of one pass, in which what several begin with is computed once: choices
/// behind one question, questions behind the same examples. Every matrix product is over all rows.
public struct PrefixTree: Sendable {
  /// A run of tokens without a branch, consecutive rows of the pass.
  struct Segment: Sendable {
    var rows: Range<Int>
    /// Position of the first token in its sequences.
    let position: Int
    /// What stands before it; nil where sequences begin.
    let parent: Int?
    /// Segments before it.
    let level: Int
  }

  let tokens: [Int32]
  let segments: [Segment]
  /// Rows of each sequence's tokens, in the order in which the sequences were given.
  public let rows: [[Int]]

  /// - Precondition: every sequence has at least one token.
  public init(_ sequences: [[Int32]]) {
    var tokens: [Int32] = []
    var parents: [Int?] = []
    var children: [Int] = []
    var rows = [[Int]](repeating: [], count: sequences.count)
    // In order, a sequence shares the most with the one before it.
    let order = sequences.indices.sorted {
      sequences[$0].lexicographicallyPrecedes(sequences[$1])
    }
    var previous: (tokens: [Int32], rows: [Int]) = ([], [])
    for index in order {
      let sequence = sequences[index]
      precondition(!sequence.isEmpty, "sequence \(index) has no tokens")
      let shared = Self.sharedLength(previous.tokens, sequence)
      var path = Array(previous.rows[..<shared])
      for token in sequence[shared...] {
        if let parent = path.last { children[parent] += 1 }
        parents.append(path.last)
        children.append(0)
        path.append(tokens.count)
        tokens.append(token)
      }
      rows[index] = path
      previous = (sequence, path)
    }
    self.tokens = tokens
    self.rows = rows
    segments = Self.segments(parents: parents, children: children)
  }

  /// Tokens that both begin with.
  public static func sharedLength(_ left: [Int32], _ right: [Int32]) -> Int {
    zip(left, right).prefix { $0 == $1 }.count
  }

  /// Cuts where a path branches.
  private static func segments(parents: [Int?], children: [Int]) -> [Segment] {
    var segments: [Segment] = []
    var owner: [Int] = []
    var position: [Int] = []
    for row in parents.indices {
      let parent = parents[row]
      position.append(parent.map { position[$0] + 1 } ?? 0)
      if let parent, parent == row - 1, children[parent] == 1 {
        segments[owner[parent]].rows = segments[owner[parent]].rows.lowerBound..<row + 1
        owner.append(owner[parent])
        continue
      }
      let above = parent.map { owner[$0] }
      owner.append(segments.count)
      segments.append(
        Segment(
          rows: row..<row + 1, position: position[row], parent: above,
          level: above.map { segments[$0].level + 1 } ?? 0))
    }
    return segments
  }

  /// What sequences begin with together has the positions that the longest of them asks for.
  var layout: SequenceLayout {
    let longest = rows.reduce(0) { max($0, $1.count) }
    return SequenceLayout(
      rows: tokens.count,
      segments: segments.map {
        .init(
          start: $0.rows.lowerBound, count: $0.rows.count, firstPosition: $0.position,
          context: longest)
      })
  }
}

extension Decoder {
  /// Output of the last layer before the final norm, `[rows, hiddenSize]`: every row sees what
  /// stands before it in its sequences.
  ///
  /// - Precondition: ids are below the vocabulary size, positions within learned ones.
  public func hiddenStates(_ tree: PrefixTree) -> Tensor {
    let pass = ForwardPass(tree.layout, on: Tape(isRecording: false))
    return forEachLayer(tree.tokens, pass) { visit in
      visit.finish(attention: mix(tree, visit.layer.mixer, visit.input))
    }.value
  }

  /// The mixer level by level: a segment goes on from a copy of the memory that its parent left.
  /// Segments of a level are split over the workers.
  private func mix(_ tree: PrefixTree, _ mixer: any TokenMixer, _ input: MixerInput) -> Variable {
    input.prepare(for: mixer)
    let segments = tree.segments
    let branching = Set(segments.compactMap(\.parent))
    let levels = Dictionary(grouping: segments.indices) { segments[$0].level }
    /// What each segment's layer shares.
    var shared = [SharedValues?](repeating: nil, count: segments.count)
    var memories = [Memory?](repeating: nil, count: segments.count)
    var outputs = [Tensor?](repeating: nil, count: segments.count)
    for level in 0..<levels.count {
      let members = levels[level]!
      let results = WorkerPool.shared.parallelMap(members.count) { index in
        let segment = segments[members[index]]
        var memory: Memory? = segment.parent.map { memories[$0]!.copied() } ?? mixer.makeMemory()
        let part = input.rows(segment.rows, firstPosition: segment.position, for: mixer)
        let output = mixer.forward(part, memory: &memory, on: Tape(isRecording: false)).value
        let isParent = branching.contains(members[index])
        return (output: output, memory: isParent ? memory : nil, shared: part.shared)
      }
      for (member, result) in zip(members, results) {
        outputs[member] = result.output
        memories[member] = result.memory
        shared[member] = result.shared
        segments[member].parent.map { memories[$0] = nil }
      }
    }
    // What segments have left each for itself, the pass shares as one.
    let tape = Tape(isRecording: false)
    let joined = { (parts: [Tensor]) in
      tape.constant(
        joinedRows(
          zip(segments.map(\.rows), parts).map { ($0, $1) }, rows: tree.tokens.count,
          width: parts.first?.shape[1] ?? 0))
    }
    let known = input.shared.names
    for name in shared.first??.names ?? [] where !known.contains(name) {
      input.shared.leave(joined(shared.map { $0![name]!.value }), as: name)
    }
    return joined(outputs.map { $0! })
  }
}

/// Sequences in order: held in memory, or read from a mapped file when they are asked for, so that
/// ready tokens may take more than there is memory.
public struct PackedSequences: RandomAccessCollection, Sendable {
  private enum Part: Sendable {
    case held([PackedSequence])
    case mapped(IndexedTokenWindows)

    var count: Int {
      switch self {
      case .held(let sequences): sequences.count
      case .mapped(let windows): windows.count
      }
    }

    subscript(index: Int) -> PackedSequence {
      switch self {
      case .held(let sequences): sequences[index]
      case .mapped(let windows): windows[index]
      }
    }
  }

  private var parts: [Part]
  /// The number of sequences.
  public private(set) var count: Int

  /// Sequences that are held in memory.
  public init(_ sequences: [PackedSequence] = []) {
    parts = [.held(sequences)]
    count = sequences.count
  }

  init(_ windows: IndexedTokenWindows) {
    parts = [.mapped(windows)]
    count = windows.count
  }

  /// 0.
  public var startIndex: Int { 0 }
  /// The number of sequences.
  public var endIndex: Int { count }

  /// The sequence at a position; one of a mapped file is read when it is asked for.
  public subscript(position: Int) -> PackedSequence {
    precondition((0..<count).contains(position), "sequence \(position) of \(count)")
    var index = position
    for part in parts {
      if index < part.count { return part[index] }
      index -= part.count
    }
    preconditionFailure("parts hold fewer than \(count) sequences")
  }

  /// Appends sequences without reading those of mapped files.
  public static func += (left: inout PackedSequences, right: PackedSequences) {
    left.parts += right.parts
    left.count += right.count
  }
}

/// A text that is being split into words: one buffer, and the ranges of its pieces in order.
struct PreTokens {
  struct Piece {
    var start: Int
    var end: Int
  }

  var bytes: [UInt8]
  private(set) var pieces: [Piece]
  /// Whether the buffer's first byte is the first of the whole text.
  private(set) var isStart: Bool

  init(bytes: [UInt8], isStart: Bool) {
    self.bytes = bytes
    self.isStart = isStart
    pieces = bytes.isEmpty ? [] : [Piece(start: 0, end: bytes.count)]
  }

  /// What becomes of the parts of a text that a pattern matches.
  enum Behaviour: String, CaseIterable, Sendable {
    case removed = "Removed"
    case isolated = "Isolated"
    case mergedWithPrevious = "MergedWithPrevious"
    case mergedWithNext = "MergedWithNext"
    case contiguous = "Contiguous"
  }

  /// A part of a piece that a pattern matches, or that lies between matches.
  struct Part {
    var start: Int
    var end: Int
    var isMatch: Bool
  }

  /// Replaces each piece by those that `body` finds in it.
  mutating func refine(_ body: (ScalarCursor, Piece, inout [Piece]) -> Void) {
    var refined: [Piece] = []
    refined.reserveCapacity(max(pieces.count, bytes.count / 4))
    bytes.withUnsafeBufferPointer { bytes in
      ScalarClasses.table.withUnsafeBufferPointer { classes in
        for piece in pieces {
          let cursor = ScalarCursor(
            bytes: bytes.baseAddress!, end: piece.end, classes: classes.baseAddress!)
          body(cursor, piece, &refined)
        }
      }
    }
    pieces = refined
  }

  /// Splits each piece into the parts that `find` lists, which cover it without gaps and may be empty.
  mutating func split(
    _ behaviour: Behaviour, invert: Bool = false,
    _ find: (ScalarCursor, Piece, inout [Part]) -> Void
  ) {
    var parts: [Part] = []
    refine { cursor, piece, refined in
      parts.removeAll(keepingCapacity: true)
      find(cursor, piece, &parts)
      if invert { for index in parts.indices { parts[index].isMatch.toggle() } }
      let first = refined.count
      Self.resolve(parts, behaviour, into: &refined)
      // An expression may match nothing: what is empty then is no piece.
      if parts.contains(where: { $0.start == $0.end }) {
        let kept = refined[first...].filter { $0.start < $0.end }
        refined.replaceSubrange(first..., with: kept)
      }
    }
  }

  /// Splits each piece at the scalars that have one of the given flags.
  mutating func split(at flags: UInt8, _ behaviour: Behaviour) {
    split(behaviour) { cursor, piece, parts in
      var position = piece.start
      while position < piece.end {
        let (found, next) = cursor.read(position)
        if found & flags != 0 {
          parts.append(Part(start: position, end: next, isMatch: true))
          position = next
        } else {
          let end = cursor.run(without: flags, from: next)
          parts.append(Part(start: position, end: end, isMatch: false))
          position = end
        }
      }
    }
  }

  /// Splits each piece at the occurrences of a non-empty literal.
  mutating func split(atLiteral literal: [UInt8], _ behaviour: Behaviour, invert: Bool = false) {
    split(behaviour, invert: invert) { cursor, piece, parts in
      var unmatched = piece.start
      var position = piece.start
      while position + literal.count <= piece.end {
        if literal.indices.allSatisfy({ cursor.bytes[position + $0] == literal[$0] }) {
          parts.appendUnmatched(unmatched, position)
          position += literal.count
          parts.append(Part(start: position - literal.count, end: position, isMatch: true))
          unmatched = position
        } else {
          position += 1
        }
      }
      parts.appendUnmatched(unmatched, piece.end)
    }
  }

  /// Rewrites the pieces one by one; those that become empty are dropped. `body` is told whether
  /// the piece begins the whole text.
  mutating func rewrite(
    _ body: (UnsafeBufferPointer<UInt8>, _ isStart: Bool, inout [UInt8]) -> Void
  ) {
    var output: [UInt8] = []
    output.reserveCapacity(bytes.count + bytes.count / 2)
    var rewritten: [Piece] = []
    rewritten.reserveCapacity(pieces.count)
    let startsText = isStart && pieces.first?.start == 0
    bytes.withUnsafeBufferPointer { bytes in
      for (index, piece) in pieces.enumerated() {
        let start = output.count
        body(
          UnsafeBufferPointer(rebasing: bytes[piece.start..<piece.end]),
          startsText && index == 0, &output)
        if output.count > start { rewritten.append(Piece(start: start, end: output.count)) }
      }
    }
    bytes = output
    pieces = rewritten
    isStart = startsText
  }

  private static func resolve(
    _ parts: [Part], _ behaviour: Behaviour, into pieces: inout [Piece]
  ) {
    switch behaviour {
    case .isolated:
      for part in parts { pieces.append(Piece(start: part.start, end: part.end)) }
    case .removed:
      for part in parts where !part.isMatch {
        pieces.append(Piece(start: part.start, end: part.end))
      }
    case .contiguous:
      var previous: Bool?
      for part in parts {
        if part.isMatch == previous {
          pieces[pieces.count - 1].end = part.end
        } else {
          pieces.append(Piece(start: part.start, end: part.end))
        }
        previous = part.isMatch
      }
    case .mergedWithPrevious:
      var previousIsMatch = false
      for (index, part) in parts.enumerated() {
        if part.isMatch, !previousIsMatch, index > 0 {
          pieces[pieces.count - 1].end = part.end
        } else {
          pieces.append(Piece(start: part.start, end: part.end))
        }
        previousIsMatch = part.isMatch
      }
    case .mergedWithNext:
      // Of several matches in a row only the last joins what follows.
      for (index, part) in parts.enumerated() {
        if !part.isMatch, index > 0, parts[index - 1].isMatch {
          pieces[pieces.count - 1].end = part.end
        } else {
          pieces.append(Piece(start: part.start, end: part.end))
        }
      }
    }
  }
}

extension [PreTokens.Part] {
  /// Adds what lies between two matches, unless that is nothing.
  fileprivate mutating func appendUnmatched(_ start: Int, _ end: Int) {
    if start < end { append(PreTokens.Part(start: start, end: end, isMatch: false)) }
  }
}

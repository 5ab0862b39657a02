/// A regular expression that splits texts, for patterns without a scanner of their own: alternatives,
/// groups, sets, categories, repetition in its three kinds, looking ahead. It means what Oniguruma
/// means, which the `tokenizers` package runs.
struct SplitExpression: Sendable, Equatable {
  indirect enum Node: Sendable, Equatable {
    case scalar(ScalarSet)
    case sequence([Node])
    case alternatives([Node])
    case repetition(Node, atLeast: Int, atMost: Int, Greed)
    case ahead(Node, isNegated: Bool)
    case lineStart
    case lineEnd
    case wordBorder(isNegated: Bool)
  }

  /// How a repetition takes its turns.
  enum Greed: Sendable, Equatable {
    case greedy, lazy
    /// What it has taken it never gives back.
    case possessive
  }

  let pattern: String
  private let root: Node

  /// - Parameter pattern: as the package spells it.
  /// - Throws: `SplitExpressionError` for what is not known here.
  init(_ pattern: String) throws {
    self.pattern = pattern
    var parser = SplitExpressionParser(pattern)
    root = try parser.parse()
    guard let length = Self.length(of: root), length <= Self.maximumLength else {
      throw SplitExpressionError(
        description: "is longer than any known pattern, or repeats a longer group than any does")
    }
  }

  /// Parts that follow each other in a pattern, and in a group that is repeated. Each is kept on the
  /// stack, those of a group once a turn.
  private static let maximumLength = 2000
  private static let maximumGroupLength = 64

  /// How many parts follow each other in the longest of alternatives; nil where a group that is repeated
  /// is too long.
  private static func length(of node: Node) -> Int? {
    switch node {
    case .scalar, .lineStart, .lineEnd, .wordBorder: return 1
    case .sequence(let nodes):
      var total = 1
      for node in nodes {
        guard let length = length(of: node) else { return nil }
        total += length
      }
      return total
    case .alternatives(let nodes):
      var longest = 0
      for node in nodes {
        guard let length = length(of: node) else { return nil }
        longest = max(longest, length)
      }
      return 1 + longest
    case .ahead(let inner, _): return length(of: inner).map { $0 + 1 }
    case .repetition(let inner, _, let most, _):
      guard let length = length(of: inner), most < 2 || length <= maximumGroupLength else {
        return nil
      }
      return length + 1
    }
  }

  /// Adds the matches in a piece and what lies between them.
  func find(
    in piece: PreTokens.Piece, _ cursor: ScalarCursor, into parts: inout [PreTokens.Part]
  ) {
    var matcher = SplitMatcher(cursor: cursor, start: piece.start)
    var unmatched = piece.start
    var position = piece.start
    /// A match of nothing splits too, but not where the last match has ended.
    var lastEnd: Int?
    while position <= piece.end {
      guard let end = matcher.end(of: root, from: position), end > position || end != lastEnd
      else {
        if position == piece.end { break }
        position = cursor.read(position).next
        continue
      }
      if unmatched < position {
        parts.append(PreTokens.Part(start: unmatched, end: position, isMatch: false))
      }
      parts.append(PreTokens.Part(start: position, end: end, isMatch: true))
      (position, unmatched, lastEnd) = (end, end, end)
    }
    if unmatched < piece.end {
      parts.append(PreTokens.Part(start: unmatched, end: piece.end, isMatch: false))
    }
  }
}

/// Tries an expression at the positions of one piece of text.
private struct SplitMatcher {
  let cursor: ScalarCursor
  /// The first byte of the piece.
  let start: Int
  /// Steps left: an expression that would try without end matches nothing more.
  private var steps: Int
  private var depth = 0

  /// Turns of a repeated group, which are kept on the stack.
  private static let maximumDepth = 1000

  typealias Node = SplitExpression.Node

  init(cursor: ScalarCursor, start: Int) {
    self.cursor = cursor
    self.start = start
    steps = 1_000_000 + 1000 * (cursor.end - start)
  }

  mutating func end(of node: Node, from position: Int) -> Int? {
    var found: Int?
    _ = match(node, position) { _, end in
      found = end
      return true
    }
    return found
  }

  /// Whether the node matches at a position so that what follows it, `next`, does too.
  private mutating func match(
    _ node: Node, _ position: Int, _ next: (inout SplitMatcher, Int) -> Bool
  ) -> Bool {
    steps -= 1
    if steps < 0 { return false }
    switch node {
    case .scalar(let set):
      guard let end = step(set, position) else { return false }
      return next(&self, end)
    case .sequence(let nodes):
      return match(nodes[...], position, next)
    case .alternatives(let nodes):
      for node in nodes where match(node, position, next) { return true }
      return false
    case .repetition(.scalar(let set), let least, let most, let greed):
      return run(of: set, position, least, most, greed, next)
    case .repetition(let inner, let least, let most, let greed):
      return turn(inner, position, least, most, greed, next)
    case .ahead(let inner, let isNegated):
      return (end(of: inner, from: position) != nil) != isNegated && next(&self, position)
    case .lineStart:
      let begins =
        position == start || position < cursor.end && cursor.bytes[position - 1] == 0x0A
      return begins && next(&self, position)
    case .lineEnd:
      return (position == cursor.end || cursor.bytes[position] == 0x0A) && next(&self, position)
    case .wordBorder(let isNegated):
      return (isWord(before: position) != isWord(at: position)) != isNegated
        && next(&self, position)
    }
  }

  private mutating func match(
    _ nodes: ArraySlice<Node>, _ position: Int, _ next: (inout SplitMatcher, Int) -> Bool
  ) -> Bool {
    guard let first = nodes.first else { return next(&self, position) }
    return match(first, position) { matcher, end in
      matcher.match(nodes.dropFirst(), end, next)
    }
  }

  private func step(_ set: ScalarSet, _ position: Int) -> Int? {
    guard position < cursor.end else { return nil }
    let (code, end) = cursor.scalar(position)
    return set.contains(code) ? end : nil
  }

  /// Repetition of one scalar, which needs no stack.
  private mutating func run(
    of set: ScalarSet, _ position: Int, _ least: Int, _ most: Int,
    _ greed: SplitExpression.Greed, _ next: (inout SplitMatcher, Int) -> Bool
  ) -> Bool {
    var count = 0
    var end = position
    while count < (greed == .lazy ? least : most), let following = step(set, end) {
      end = following
      count += 1
    }
    if count < least { return false }
    if greed == .possessive { return next(&self, end) }
    while true {
      steps -= 1
      if steps < 0 { return false }
      if next(&self, end) { return true }
      if greed == .lazy {
        guard count < most, let following = step(set, end) else { return false }
        end = following
        count += 1
      } else {
        if count == least { return false }
        end = cursor.previous(end)
        count -= 1
      }
    }
  }

  private mutating func turn(
    _ inner: Node, _ position: Int, _ least: Int, _ most: Int, _ greed: SplitExpression.Greed,
    _ next: (inout SplitMatcher, Int) -> Bool
  ) -> Bool {
    if greed == .possessive {
      var end = position
      var count = 0
      while count < most, let following = self.end(of: inner, from: end) {
        count += 1
        // A turn that takes nothing can be taken as often as is asked for.
        if following == end { return next(&self, end) }
        end = following
      }
      return count >= least && next(&self, end)
    }
    if greed == .lazy, least == 0, next(&self, position) { return true }
    if most > 0, depth < Self.maximumDepth {
      depth += 1
      defer { depth -= 1 }
      let isMatch = match(inner, position) { matcher, end in
        // A turn that takes nothing can be taken as often as is asked for, and would go on for ever.
        if end == position { return next(&matcher, end) }
        return matcher.turn(
          inner, end, max(0, least - 1), most == .max ? most : most - 1, greed, next)
      }
      if isMatch { return true }
    }
    return greed == .greedy && least == 0 && next(&self, position)
  }

  private func isWord(at position: Int) -> Bool {
    position < cursor.end && cursor.read(position).flags & ScalarClasses.patternWord != 0
  }

  private func isWord(before position: Int) -> Bool {
    position > start && isWord(at: cursor.previous(position))
  }
}

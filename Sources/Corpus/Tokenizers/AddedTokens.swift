/// A token that is recognised in a text before any splitting or merging.
struct AddedToken: Sendable {
  var id: Int32
  var content: [UInt8]
  /// Marks structure, not text: left out of decoded text on request.
  var isSpecial = false
  /// Searched for in normalised text, in its normalised spelling.
  var isNormalized = false
  /// Takes the whitespace before it.
  var stripsLeft = false
  /// Takes the whitespace after it.
  var stripsRight = false
  /// Matches only where no word continues on either side.
  var isSingleWord = false
}

extension AddedToken {
  /// A text is compared with every added token at every place.
  private static let longestContent = 4096

  init(_ component: TokenizerComponent, id: Int32) throws {
    self.id = id
    content = Array(try component.string("content").utf8)
    if content.count > Self.longestContent {
      throw component.failure(
        "content", "has \(content.count) bytes, expected at most \(Self.longestContent)")
    }
    isSpecial = try component.boolean("special", default: false)
    isNormalized = try component.boolean("normalized", default: !isSpecial)
    stripsLeft = try component.boolean("lstrip", default: false)
    stripsRight = try component.boolean("rstrip", default: false)
    isSingleWord = try component.boolean("single_word", default: false)
  }
}

/// Finds added tokens in a text: at each position the longest, from left to right.
struct AddedTokenMatcher: Sendable {
  private var tokens: [AddedToken] = []
  /// Trie over bytes: node and byte to node; node 0 is the root.
  private var edges: [UInt64: Int32] = [:]
  /// Index of the token that ends at a node, or -1.
  private var ends: [Int32] = [-1]
  private var isFirstByte = [Bool](repeating: false, count: 256)

  var isEmpty: Bool { tokens.isEmpty }

  /// Adds a token under the spelling it has in the texts to be searched.
  mutating func insert(_ token: AddedToken, spelling: [UInt8]) {
    guard let first = spelling.first else { return }
    isFirstByte[Int(first)] = true
    var node: Int32 = 0
    for byte in spelling {
      let key = Self.edge(node, byte)
      if let child = edges[key] {
        node = child
      } else {
        edges[key] = Int32(ends.count)
        node = Int32(ends.count)
        ends.append(-1)
      }
    }
    ends[Int(node)] = Int32(tokens.count)
    tokens.append(token)
  }

  enum Segment {
    case text(Range<Int>)
    case token(Int32)
  }

  /// Cuts a text into added tokens and what lies between them.
  func segments(of text: UnsafeBufferPointer<UInt8>, recognizeSpecialTokens: Bool) -> [Segment] {
    guard let base = text.baseAddress, !text.isEmpty else { return [] }
    if tokens.isEmpty { return [.text(0..<text.count)] }
    var segments: [Segment] = []
    var covered = 0
    var position = 0
    ScalarClasses.table.withUnsafeBufferPointer { classes in
      let cursor = ScalarCursor(bytes: base, end: text.count, classes: classes.baseAddress!)
      while position < text.count {
        guard isFirstByte[Int(text[position])], let match = longestMatch(in: text, at: position)
        else {
          position += 1
          continue
        }
        let token = tokens[match.token]
        var start = position
        var end = match.end
        position = end
        if token.isSpecial, !recognizeSpecialTokens { continue }
        if token.isSingleWord {
          let joinsLeft =
            start > 0 && cursor.read(cursor.previous(start)).flags & ScalarClasses.word != 0
          if joinsLeft || cursor.read(end).flags & ScalarClasses.word != 0 { continue }
        }
        if token.stripsLeft { start = Self.stripped(start, downTo: covered, cursor) }
        if token.stripsRight { end = cursor.run(of: ScalarClasses.whitespace, from: end) }
        if covered < start { segments.append(.text(covered..<start)) }
        segments.append(.token(token.id))
        covered = end
      }
    }
    if covered < text.count { segments.append(.text(covered..<text.count)) }
    return segments
  }

  /// The start of the white space that ends at `start`, not before `first`.
  private static func stripped(_ start: Int, downTo first: Int, _ cursor: ScalarCursor) -> Int {
    var start = start
    while start > first {
      let previous = cursor.previous(start)
      if cursor.read(previous).flags & ScalarClasses.whitespace == 0 { break }
      start = previous
    }
    return max(start, first)
  }

  private func longestMatch(in text: UnsafeBufferPointer<UInt8>, at start: Int)
    -> (token: Int, end: Int)?
  {
    var longest: (token: Int, end: Int)?
    var node: Int32 = 0
    var position = start
    while position < text.count, let child = edges[Self.edge(node, text[position])] {
      node = child
      position += 1
      if ends[Int(node)] >= 0 { longest = (Int(ends[Int(node)]), position) }
    }
    return longest
  }

  private static func edge(_ node: Int32, _ byte: UInt8) -> UInt64 {
    UInt64(UInt32(bitPattern: node)) << 8 | UInt64(byte)
  }
}

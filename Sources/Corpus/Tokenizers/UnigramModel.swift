import Documents

/// SentencePiece's unigram model (Kudo 2018, arXiv 1804.10959): every token has a score, and a word is
/// split so that the sum of its tokens' scores is the highest.
struct UnigramModel: Sendable {
  private(set) var vocabulary: ByteStringTable
  /// By id; of all but the last token of a spelling never asked for.
  private let scores: [Double]
  private let unknown: Int32?
  /// Score of a character without a token.
  private let unknownScore: Double
  /// The token of each byte, `<0x00>`…`<0xFF>`; nil unless characters without a token are spelled so.
  private let byteTokens: [Int32]?
  /// Bytes of the longest token.
  private let longestToken: Int

  /// How much worse than the worst token a character without one is.
  private static let unknownPenalty = 10.0

  /// Reads the `model` of a `tokenizer.json`.
  init(_ component: TokenizerComponent) throws {
    let entries = try component.array("vocab")
    var vocabulary = ByteStringTable(capacity: entries.count)
    var scores: [Double] = []
    var spellings: [[UInt8]] = []
    var longest = 1
    for (id, entry) in entries.enumerated() {
      guard let pair = entry.arrayValue, pair.count == 2, let token = pair[0].stringValue,
        let score = pair[1].doubleValue
      else {
        throw component.failure(
          "vocab[\(id)]", "found \(entry.kindDescription), expected a token and its score")
      }
      scores.append(score)
      longest = max(longest, token.utf8.count)
      spellings.append(Array(token.utf8))
    }
    // Of two tokens of one spelling the last is meant.
    for id in spellings.indices.reversed()
    where !vocabulary.insert(spellings[id], id: Int32(id)) {
      vocabulary.insertSpelling(spellings[id], id: Int32(id))
    }
    var unknown: Int32?
    if component.value("unk_id") != nil {
      unknown = Int32(try component.integer("unk_id", in: 0...max(0, entries.count - 1)))
    }
    self.init(
      vocabulary: vocabulary, scores: scores, unknown: unknown, longestToken: longest,
      spellsBytes: try component.boolean("byte_fallback", default: false))
  }

  init(
    vocabulary: ByteStringTable, scores: [Double], unknown: Int32?, longestToken: Int,
    spellsBytes: Bool
  ) {
    self.vocabulary = vocabulary
    self.scores = scores
    self.unknown = unknown
    self.longestToken = longestToken
    unknownScore = (scores.min() ?? 0) - Self.unknownPenalty
    byteTokens = spellsBytes ? Self.byteTokens(vocabulary) : nil
  }

  private static func byteTokens(_ vocabulary: ByteStringTable) -> [Int32]? {
    let tokens = (0..<256).compactMap { byte -> Int32? in
      let digits = String(byte, radix: 16, uppercase: true)
      return vocabulary.find(Array("<0x\(byte < 16 ? "0" : "")\(digits)>".utf8))
    }
    return tokens.count == 256 ? tokens : nil
  }

  /// Appends the ids of one word, which is not empty.
  func encode(_ word: UnsafeBufferPointer<UInt8>, cache: WordCache, into ids: inout [Int32]) {
    guard word.count <= WordCache.longestWord else {
      split(word, into: &ids)
      return
    }
    let hash = hashBytes(word)
    if cache.append(word, hash: hash, to: &ids) { return }
    let start = ids.count
    split(word, into: &ids)
    cache.insert(word, hash: hash, ids: ids[start...])
  }

  /// The best way to the end of a part of the word.
  private struct Node {
    /// Where its last token begins; nil: no way has been found.
    var start: Int?
    /// nil for a character without a token.
    var id: Int32?
    var score = 0.0
  }

  private func split(_ word: UnsafeBufferPointer<UInt8>, into ids: inout [Int32]) {
    let nodes = bestNodes(word)
    /// Tokens from the last to the first; characters without a token in a row are one.
    var pieces: [(range: Range<Int>, id: Int32?)] = []
    var end = word.count
    while end > 0, let start = nodes[end].start {
      if nodes[end].id == nil, let last = pieces.last, last.id == nil {
        pieces[pieces.count - 1].range = start..<last.range.upperBound
      } else {
        pieces.append((start..<end, nodes[end].id))
      }
      end = start
    }
    for piece in pieces.reversed() {
      if let id = piece.id {
        ids.append(id)
      } else if let byteTokens {
        for byte in word[piece.range] { ids.append(byteTokens[Int(byte)]) }
      } else if let unknown {
        ids.append(unknown)
      }
    }
  }

  private func bestNodes(_ word: UnsafeBufferPointer<UInt8>) -> [Node] {
    var nodes = Array(repeating: Node(), count: word.count + 1)
    var start = 0
    while start < word.count {
      let score = nodes[start].score
      var next = start + 1
      while next < word.count, word[next] & 0xC0 == 0x80 { next += 1 }
      var hasToken = false
      for end in stride(from: next, through: min(word.count, start + longestToken), by: 1) {
        // A token ends where a character does.
        if end < word.count, word[end] & 0xC0 == 0x80 { continue }
        guard let id = vocabulary.find(UnsafeBufferPointer(rebasing: word[start..<end])) else {
          continue
        }
        if end == next { hasToken = true }
        let candidate = score + scores[Int(id)]
        if nodes[end].start == nil || candidate > nodes[end].score {
          nodes[end] = Node(start: start, id: id, score: candidate)
        }
      }
      let candidate = score + unknownScore
      if !hasToken, nodes[next].start == nil || candidate > nodes[next].score {
        nodes[next] = Node(start: start, id: nil, score: candidate)
      }
      start = next
    }
    return nodes
  }
}

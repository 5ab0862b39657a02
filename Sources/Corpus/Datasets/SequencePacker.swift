/// A document as ids, with -100 where a position is not learned.
public struct EncodedDocument: Sendable, Equatable {
  /// Ids of the document.
  public var tokens: [Int32]
  /// For every token its id where it is learned, else -100.
  public var labels: [Int32]
  /// Last tokens that close a text and stay when it is cut: BERT's `[SEP]`.
  public var closing = 0

  /// Everything is learned; the arrays share their storage.
  public init(tokens: [Int32]) {
    self.tokens = tokens
    self.labels = tokens
  }

  /// A document; `labels` has an entry for every token.
  public init(tokens: [Int32], labels: [Int32]) {
    precondition(
      tokens.count == labels.count, "\(tokens.count) tokens, but \(labels.count) labels")
    self.tokens = tokens
    self.labels = labels
  }

  func piece(_ range: Range<Int>) -> EncodedDocument {
    EncodedDocument(tokens: Array(tokens[range]), labels: Array(labels[range]))
  }

  /// The first `length` tokens, the last of which are those that close the text.
  public func truncated(to length: Int) -> EncodedDocument {
    if closing >= length { return piece(0..<length) }
    let end = piece(tokens.count - closing..<tokens.count)
    var start = piece(0..<length - closing)
    start.tokens += end.tokens
    start.labels += end.labels
    return start
  }
}

/// Makes sequences out of documents, in their order.
struct SequencePacker {
  /// How sequences are made.
  let specification: PackingSpecification
  private let paddingToken: Int32
  /// The sequences that are finished.
  private(set) var sequences: [PackedSequence] = []
  /// Sequences left out because nothing would be learned from them.
  private(set) var unlabelledSequences = 0
  /// Tokens that came into no sequence: the last remainder, and what was truncated.
  private(set) var droppedTokens = 0

  private var tokens: [Int32] = []
  private var labels: [Int32] = []
  /// Lengths of the documents, or pieces of them, that wait in `tokens`.
  private var pieces: [Int] = []
  private var used = 0

  /// - Parameter paddingToken: fills what no document does; no segment covers it.
  init(_ specification: PackingSpecification, paddingToken: Int32) {
    self.specification = specification
    self.paddingToken = paddingToken
  }

  /// Whether the budget is used up; what is appended then is dropped.
  var isFull: Bool { sequences.count >= specification.budget }

  /// Adds one document.
  ///
  /// - Throws: `DatasetError` when the specification refuses one of this length.
  mutating func append(_ document: EncodedDocument) throws {
    if specification.packing == .oneDocument { return try appendAlone(document) }
    tokens += document.tokens
    labels += document.labels
    if !document.tokens.isEmpty { pieces.append(document.tokens.count) }
    let length = specification.sequenceLength
    let needed = specification.lastRemainder == .dropped ? length + 1 : length
    while tokens.count - used >= needed { emit(length) }
    // Cutting the front off at every sequence would move a long document many times.
    tokens.removeFirst(used)
    labels.removeFirst(used)
    used = 0
  }

  /// Ends the last sequence.
  mutating func finish() {
    let rest = tokens.count - used
    if rest > 0, specification.lastRemainder == .padded, !isFull {
      emit(rest)
    } else {
      droppedTokens += rest
    }
    tokens = []
    labels = []
    pieces = []
    used = 0
  }

  private mutating func appendAlone(_ document: EncodedDocument) throws {
    let length = specification.sequenceLength
    let count = document.tokens.count
    if count > length {
      switch specification.longDocuments {
      case .split: break
      case .truncated:
        droppedTokens += count - length
        keep(document.truncated(to: length), [length])
        return
      case .refused:
        throw DatasetError.badData(
          "a document of \(count) tokens does not fit a sequence of \(length); raise"
            + " sequenceLength, or set longDocuments to split or truncated")
      }
    }
    for start in stride(from: 0, to: count, by: length) {
      let piece = start..<min(start + length, count)
      keep(document.piece(piece), [piece.count])
    }
  }

  /// Makes a sequence of the next `count` waiting tokens.
  private mutating func emit(_ count: Int) {
    let range = used..<used + count
    var counts: [Int] = []
    var missing = count
    var passed = 0
    while missing > 0 {
      let part = min(missing, pieces[passed])
      counts.append(part)
      missing -= part
      if part == pieces[passed] { passed += 1 } else { pieces[passed] -= part }
    }
    pieces.removeFirst(passed)
    used += count
    keep(
      EncodedDocument(tokens: Array(tokens[range]), labels: Array(labels[range])),
      specification.documentBoundaries == .kept ? counts : [count])
  }

  private mutating func keep(_ content: EncodedDocument, _ counts: [Int]) {
    let count = content.tokens.count
    if isFull {
      droppedTokens += count
      return
    }
    let padding = specification.sequenceLength - count
    let isLeft = specification.paddingSide == .left
    func padded(_ values: [Int32], _ filler: Int32) -> [Int32] {
      if padding == 0 { return values }
      let filling = [Int32](repeating: filler, count: padding)
      return isLeft ? filling + values : values + filling
    }
    var start = isLeft ? padding : 0
    let segments = counts.map { count in
      defer { start += count }
      return SequenceSegment(start: start, count: count)
    }
    let tokens = padded(content.tokens, paddingToken)
    let labels = padded(content.labels, PackedSequence.ignoredLabel)
    // Equal arrays share their storage, which halves what plain text takes.
    let sequence = PackedSequence(
      tokens: tokens, labels: labels == tokens ? tokens : labels, segments: segments)
    if specification.dropUnlabelled, sequence.targetCount == 0 {
      unlabelledSequences += 1
    } else {
      sequences.append(sequence)
    }
  }
}

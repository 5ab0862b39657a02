import Documents

/// Documents of a token file one behind the other, cut into sequences of one length without
/// overlap: what `SequencePacker` makes of them, read from the mapped file sequence by sequence.
struct IndexedTokenWindows: Sendable {
  private let file: IndexedTokenFile
  /// Ids of the file, in the order of the stream.
  private let documents: [Range<Int>]
  /// Positions of the stream at which they begin.
  private let starts: [Int]
  private let length: Int
  private let keepsBoundaries: Bool
  let count: Int
  let droppedTokens: Int

  var documentCount: Int { documents.count }
  var tokenCount: Int { count * length + droppedTokens }

  /// - Parameter documents: none of them empty.
  /// - Returns: nil where the packing pads, or might leave a sequence out.
  /// - Throws: `DatasetError` for an id beyond the vocabulary.
  init?(
    _ file: IndexedTokenFile, documents: some Sequence<Range<Int>>,
    packing: PackingSpecification, vocabularySize: Int?
  ) throws {
    keepsBoundaries = packing.documentBoundaries == .kept
    length = packing.sequenceLength
    guard packing.packing == .concatenated, packing.lastRemainder != .padded else { return nil }
    // A token more has to follow the last sequence.
    let following = packing.lastRemainder == .dropped ? 1 : 0
    let limit =
      packing.budget > Int.max / length - 1 ? Int.max : packing.budget * length + following
    var (taken, starts, total) = ([Range<Int>](), [Int](), 0)
    for document in documents {
      if total >= limit { break }
      taken.append(document)
      starts.append(total)
      total += document.count
    }
    // Nothing is learned where every token is a document, but for pieces cut off at either end.
    if keepsBoundaries, packing.dropUnlabelled, Self.longestRunOfSingles(taken) >= length - 2 {
      return nil
    }
    for document in taken { try file.check(document, vocabularySize: vocabularySize) }
    self.file = file
    self.documents = taken
    self.starts = starts
    count = min(packing.budget, max(0, total - following) / length)
    droppedTokens = total - count * length
  }

  /// Documents of one token that follow each other.
  private static func longestRunOfSingles(_ documents: [Range<Int>]) -> Int {
    var (run, longest) = (0, 0)
    for document in documents {
      run = document.count == 1 ? run + 1 : 0
      longest = max(longest, run)
    }
    return longest
  }

  subscript(index: Int) -> PackedSequence {
    let window = index * length..<(index + 1) * length
    // The last document that begins at the window's start or before it.
    var (low, high) = (0, starts.count)
    while high - low > 1 {
      let middle = (low + high) / 2
      if starts[middle] <= window.lowerBound { low = middle } else { high = middle }
    }
    var (tokens, segments) = ([Int32](), [SequenceSegment]())
    tokens.reserveCapacity(length)
    while tokens.count < length {
      let offset = window.lowerBound + tokens.count - starts[low]
      let part = min(length - tokens.count, documents[low].count - offset)
      let first = documents[low].lowerBound + offset
      segments.append(SequenceSegment(start: tokens.count, count: part))
      tokens += file.tokens(first..<first + part)
      low += 1
    }
    return PackedSequence(
      tokens: tokens, labels: tokens,
      segments: keepsBoundaries ? segments : [SequenceSegment(start: 0, count: length)])
  }
}

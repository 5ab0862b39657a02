import Documents

/// Turns text into the ids a teacher was trained on, and ids into text.
///
/// A value can be used from several threads at once. Truncation and padding that a file asks for
/// are left to whoever makes batches.
public struct Tokenizer: Sendable {
  let normalizer: Normalizer?
  let preTokenizer: PreTokenizer?
  let model: WordModel
  let postProcessor: PostProcessor
  let decoder: TokenDecoder?
  private let addedTokens: [Int32: AddedToken]
  private let addedIDs: ByteStringTable
  /// Spelling, while decoding, of added tokens that the normaliser changes.
  private let normalizedSpellings: [Int32: [UInt8]]
  private let rawMatcher: AddedTokenMatcher
  private let normalizedMatcher: AddedTokenMatcher
  private let caches = WordCachePool()

  /// The token that begins a text, if the model has one. Whether `encode` adds it is a matter of
  /// the file's post-processor.
  public private(set) var beginningOfText: Int32?
  /// The token that ends a text, if the model has one.
  public private(set) var endOfText: Int32?
  /// One more than the greatest id: the least number of rows that an embedding needs.
  public let vocabularySize: Int

  /// What the two kinds of file are read into.
  struct Parts {
    var normalizer: Normalizer?
    var preTokenizer: PreTokenizer?
    var model: WordModel
    var postProcessor = PostProcessor()
    var decoder: TokenDecoder?
    /// Later ones replace earlier ones of the same id.
    var addedTokens: [AddedToken] = []
    var beginningOfText: [UInt8]?
    var endOfText: [UInt8]?
  }

  init(_ parts: Parts) {
    normalizer = parts.normalizer
    preTokenizer = parts.preTokenizer
    model = parts.model
    postProcessor = parts.postProcessor
    decoder = parts.decoder
    var addedTokens: [Int32: AddedToken] = [:]
    for token in parts.addedTokens where !token.content.isEmpty { addedTokens[token.id] = token }
    var addedIDs = ByteStringTable(capacity: addedTokens.count)
    var spellings: [Int32: [UInt8]] = [:]
    var rawMatcher = AddedTokenMatcher()
    var normalizedMatcher = AddedTokenMatcher()
    for token in addedTokens.values.sorted(by: { $0.id < $1.id }) {
      guard addedIDs.insert(token.content, id: token.id) else { continue }
      guard token.isNormalized else {
        rawMatcher.insert(token, spelling: token.content)
        continue
      }
      var text = Normalizer.Text(bytes: token.content, isStart: true)
      normalizer?.apply(to: &text)
      normalizedMatcher.insert(token, spelling: text.bytes)
      if text.bytes != token.content { spellings[token.id] = text.bytes }
    }
    self.addedTokens = addedTokens
    self.addedIDs = addedIDs
    self.rawMatcher = rawMatcher
    self.normalizedMatcher = normalizedMatcher
    normalizedSpellings = spellings
    vocabularySize = max(model.vocabulary.idLimit, addedIDs.idLimit)
    let vocabulary = model.vocabulary
    func find(_ content: [UInt8]?) -> Int32? {
      content.flatMap { addedIDs.find($0) ?? vocabulary.find($0) }
    }
    beginningOfText = find(parts.beginningOfText)
    endOfText = find(parts.endOfText)
  }

  /// Says which tokens begin and end a text, where the tokenizer's own files name none.
  public mutating func setEnds(_ ends: (beginning: Int32?, end: Int32?)) {
    (beginningOfText, endOfText) = ends
  }

  /// The id of a token in the spelling of the vocabulary ("Ġthe", "<0x0A>", "<|im_end|>").
  public func id(of token: String) -> Int32? {
    let bytes = Array(token.utf8)
    return addedIDs.find(bytes) ?? model.vocabulary.find(bytes)
  }

  /// The spelling of an id in the vocabulary.
  public func token(of id: Int32) -> String? {
    (addedTokens[id]?.content ?? model.vocabulary[id]).map { String(decoding: $0, as: UTF8.self) }
  }

  /// Whether the id marks structure (the end of a text, the turn of a speaker) instead of text.
  public func isSpecial(_ id: Int32) -> Bool { addedTokens[id]?.isSpecial ?? false }

  // MARK: Encoding

  /// The ids of a text. Special tokens spelled in the text are recognised.
  ///
  /// - Parameter addSpecialTokens: whether the tokens that the file puts before and after every
  ///   sequence are added.
  public func encode(_ text: String, addSpecialTokens: Bool = false) -> [Int32] {
    encode(text, addSpecialTokens: addSpecialTokens, recognizeSpecialTokens: true)
  }

  /// - Parameter recognizeSpecialTokens: false to read special tokens spelled in the text as
  ///   ordinary characters, as text from strangers should be.
  public func encode(
    _ text: String, addSpecialTokens: Bool, recognizeSpecialTokens: Bool
  ) -> [Int32] {
    var ids: [Int32] = []
    var text = text
    ids.reserveCapacity(text.utf8.count / 3)
    text.withUTF8 { bytes in
      caches.withCache { cache in
        let segments = rawMatcher.segments(
          of: bytes, recognizeSpecialTokens: recognizeSpecialTokens)
        for segment in segments {
          if case .token(let id) = segment { ids.append(id) }
          guard case .text(let range) = segment else { continue }
          let text = Normalizer.Text(bytes: Array(bytes[range]), isStart: range.lowerBound == 0)
          encode(text, recognizeSpecialTokens, cache, into: &ids)
        }
      }
    }
    return addSpecialTokens ? postProcessor.apply(to: ids) : ids
  }

  private func encode(
    _ text: Normalizer.Text, _ recognizeSpecialTokens: Bool, _ cache: WordCache,
    into ids: inout [Int32]
  ) {
    var text = text
    normalizer?.apply(to: &text)
    if normalizedMatcher.isEmpty {
      encode(PreTokens(bytes: text.bytes, isStart: text.isStart), cache, into: &ids)
      return
    }
    let segments = text.bytes.withUnsafeBufferPointer {
      normalizedMatcher.segments(of: $0, recognizeSpecialTokens: recognizeSpecialTokens)
    }
    for segment in segments {
      switch segment {
      case .token(let id):
        ids.append(id)
      case .text(let range):
        let isStart = text.isStart && range.lowerBound == 0
        encode(
          PreTokens(bytes: Array(text.bytes[range]), isStart: isStart), cache, into: &ids)
      }
    }
  }

  private func encode(_ text: PreTokens, _ cache: WordCache, into ids: inout [Int32]) {
    var tokens = text
    preTokenizer?.apply(to: &tokens)
    tokens.bytes.withUnsafeBufferPointer { bytes in
      for piece in tokens.pieces {
        let word = UnsafeBufferPointer(rebasing: bytes[piece.start..<piece.end])
        model.encode(word, cache: cache, into: &ids)
      }
    }
  }

  // MARK: Decoding

  /// The text of the ids. Ids without a token are left out; bytes that are not UTF-8 become U+FFFD.
  public func decode(_ ids: [Int32], skipSpecialTokens: Bool = false) -> String {
    let spellings = ids.compactMap { spelling(of: $0, skipSpecialTokens: skipSpecialTokens) }
    guard let decoder else {
      return spellings.map { String(decoding: $0, as: UTF8.self) }.joined(separator: " ")
    }
    return String(decoding: decoder.apply(to: spellings).joined(), as: UTF8.self)
  }

  /// What the decoder is given for an id; nil for what leaves no trace in the text.
  func spelling(of id: Int32, skipSpecialTokens: Bool) -> [UInt8]? {
    if let token = addedTokens[id] {
      if token.isSpecial, skipSpecialTokens { return nil }
      return normalizedSpellings[id] ?? token.content
    }
    guard let content = model.vocabulary[id] else { return nil }
    // A vocabulary may hold a special token twice: what is special is the spelling.
    if skipSpecialTokens, let twin = addedIDs.find(content), isSpecial(twin) { return nil }
    return content
  }
}

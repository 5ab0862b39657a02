import Documents

/// WordPiece as BERT uses it: a word is read from left to right, each time the longest token that
/// continues it; a word that no sequence of tokens spells is unknown as a whole (Devlin et al.
/// 2019, arXiv 1810.04805; `tokenization.py` of its code).
struct WordPieceModel: Sendable {
  let vocabulary: ByteStringTable
  private let unknown: Int32
  /// Before every token that does not begin its word.
  private let continuingPrefix: [UInt8]
  /// Scalars of the longest word that is looked at; a longer one is unknown.
  private let maximumWordLength: Int

  /// Reads the `model` of a `tokenizer.json`.
  init(_ component: TokenizerComponent) throws {
    vocabulary = try component.vocabulary()
    let spelling = try component.optionalString("unk_token") ?? "[UNK]"
    guard let id = vocabulary.find(Array(spelling.utf8)) else {
      throw component.failure("unk_token", "\"\(spelling)\" is not in the vocabulary")
    }
    unknown = id
    continuingPrefix = Array(
      (try component.optionalString("continuing_subword_prefix") ?? "##").utf8)
    maximumWordLength =
      component.value("max_input_chars_per_word") == nil
      ? 100 : try component.integer("max_input_chars_per_word", in: 1...1 << 20)
  }

  /// Appends the ids of one word, which is not empty.
  func encode(_ word: UnsafeBufferPointer<UInt8>, cache: WordCache, into ids: inout [Int32]) {
    guard word.count <= WordCache.longestWord else {
      match(word, into: &ids)
      return
    }
    let hash = hashBytes(word)
    if cache.append(word, hash: hash, to: &ids) { return }
    let start = ids.count
    match(word, into: &ids)
    cache.insert(word, hash: hash, ids: ids[start...])
  }

  private func match(_ word: UnsafeBufferPointer<UInt8>, into ids: inout [Int32]) {
    let scalars = word.reduce(0) { $0 + ($1 & 0xC0 == 0x80 ? 0 : 1) }
    if scalars > maximumWordLength {
      ids.append(unknown)
      return
    }
    let first = ids.count
    var start = 0
    while start < word.count {
      guard let (id, end) = longestToken(word, from: start) else {
        ids.removeSubrange(first...)
        ids.append(unknown)
        return
      }
      ids.append(id)
      start = end
    }
  }

  private func longestToken(_ word: UnsafeBufferPointer<UInt8>, from start: Int) -> (
    id: Int32, end: Int
  )? {
    var spelling = start > 0 ? continuingPrefix : []
    spelling.append(contentsOf: word[start...])
    var end = word.count
    while end > start {
      if let id = vocabulary.find(spelling) { return (id, end) }
      // Back by one scalar.
      repeat {
        end -= 1
        spelling.removeLast()
      } while end > start && word[end] & 0xC0 == 0x80
    }
    return nil
  }
}

/// Byte-pair encoding (Sennrich et al. 2016, section 3.2): a word begins as its characters, and the
/// pair that training merged first is merged first.
struct BytePairModel: Sendable {
  private(set) var vocabulary: ByteStringTable
  private let merges: MergeTable
  let options: Options
  /// The token of each byte, `<0x00>`…`<0xFF>`, or -1.
  private let byteTokens: [Int32]
  /// The token of each scalar that takes one or two bytes, or -1: spares the vocabulary's hash.
  private let shortScalars: [Int32]

  struct Options: Sendable {
    /// A word that is a token stays whole, whatever the merges say.
    var ignoreMerges = false
    /// Characters without a token are spelled as byte tokens.
    var byteFallback = false
    /// Adjacent unknown characters make one unknown token.
    var fuseUnknown = false
    var unknown: Int32?
    /// Prefix of a character that does not begin its word.
    var continuingPrefix: [UInt8] = []
    /// Suffix of the character that ends its word.
    var endOfWordSuffix: [UInt8] = []
  }

  init(vocabulary: ByteStringTable, merges: MergeTable, options: Options) {
    self.vocabulary = vocabulary
    self.merges = merges
    self.options = options
    byteTokens = (0..<256).map { byte in
      let digits = String(byte, radix: 16, uppercase: true)
      return vocabulary.find(Array("<0x\(byte < 16 ? "0" : "")\(digits)>".utf8)) ?? -1
    }
    shortScalars = (0..<UInt32(0x800)).map { code in
      vocabulary.find(Array(UTF8.encode(Unicode.Scalar(code)!)!)) ?? -1
    }
  }

  /// Appends the ids of one word, which is not empty.
  func encode(_ word: UnsafeBufferPointer<UInt8>, cache: WordCache, into ids: inout [Int32]) {
    guard word.count <= WordCache.longestWord else {
      merge(word, scratch: &cache.scratch, into: &ids)
      return
    }
    let hash = hashBytes(word)
    if cache.append(word, hash: hash, to: &ids) { return }
    let start = ids.count
    merge(word, scratch: &cache.scratch, into: &ids)
    cache.insert(word, hash: hash, ids: ids[start...])
  }

  private func merge(
    _ word: UnsafeBufferPointer<UInt8>, scratch: inout MergeScratch, into ids: inout [Int32]
  ) {
    if options.ignoreMerges, let id = vocabulary.find(word) {
      ids.append(id)
      return
    }
    scratch.symbols.removeAll(keepingCapacity: true)
    appendSymbols(of: word, to: &scratch.symbols)
    scratch.merge(with: merges)
    ids.append(contentsOf: scratch.symbols)
  }

  private func appendSymbols(of word: UnsafeBufferPointer<UInt8>, to symbols: inout [Int32]) {
    let base = word.baseAddress!
    let isDecorated = !options.continuingPrefix.isEmpty || !options.endOfWordSuffix.isEmpty
    var pendingUnknowns = 0
    var position = 0
    while position < word.count {
      let (code, next) = decodeScalar(base, position)
      var spelling: [UInt8]?
      var found: Int32?
      if isDecorated {
        var decorated = position > 0 ? options.continuingPrefix : []
        decorated.append(contentsOf: word[position..<next])
        if next == word.count { decorated.append(contentsOf: options.endOfWordSuffix) }
        found = vocabulary.find(decorated)
        spelling = decorated
      } else if code < 0x800 {
        let id = shortScalars[Int(code)]
        found = id < 0 ? nil : id
      } else {
        found = vocabulary.find(UnsafeBufferPointer(rebasing: word[position..<next]))
      }
      if let id = found {
        flushUnknowns(&pendingUnknowns, to: &symbols)
        symbols.append(id)
      } else {
        let bytes = spelling ?? Array(word[position..<next])
        if options.byteFallback, bytes.allSatisfy({ byteTokens[Int($0)] >= 0 }) {
          // Pending unknown tokens stay behind these, as in the `tokenizers` package.
          symbols.append(contentsOf: bytes.map { byteTokens[Int($0)] })
        } else if options.unknown != nil {
          // Of unknowns in a row the last waits for what follows, unless they are fused into one.
          if !options.fuseUnknown { flushUnknowns(&pendingUnknowns, to: &symbols) }
          pendingUnknowns = 1
        }
      }
      position = next
    }
    flushUnknowns(&pendingUnknowns, to: &symbols)
  }

  private func flushUnknowns(_ count: inout Int, to symbols: inout [Int32]) {
    if count == 0 { return }
    if let unknown = options.unknown {
      symbols.append(contentsOf: repeatElement(unknown, count: count))
    }
    count = 0
  }
}

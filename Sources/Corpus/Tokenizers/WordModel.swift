import Documents

/// What splits words into tokens.
enum WordModel: Sendable {
  case bytePair(BytePairModel)
  case wordPiece(WordPieceModel)
  case unigram(UnigramModel)

  static let supported = ["BPE", "WordPiece", "Unigram"]

  init(_ component: TokenizerComponent) throws {
    // Files of old versions leave the type out: what it is shows in the other members.
    switch try component.optionalString("type") ?? Self.type(of: component) {
    case "BPE": self = .bytePair(try BytePairModel(component))
    case "WordPiece": self = .wordPiece(try WordPieceModel(component))
    case "Unigram": self = .unigram(try UnigramModel(component))
    case let type: throw component.unsupported("model", type, supported: Self.supported)
    }
  }

  private static func type(of component: TokenizerComponent) -> String {
    if component.value("merges") != nil { return "BPE" }
    if component.value("vocab")?.arrayValue != nil { return "Unigram" }
    return component.value("max_input_chars_per_word") == nil ? "BPE" : "WordPiece"
  }

  var vocabulary: ByteStringTable {
    switch self {
    case .bytePair(let model): model.vocabulary
    case .wordPiece(let model): model.vocabulary
    case .unigram(let model): model.vocabulary
    }
  }

  /// Appends the ids of one word, which is not empty.
  func encode(_ word: UnsafeBufferPointer<UInt8>, cache: WordCache, into ids: inout [Int32]) {
    switch self {
    case .bytePair(let model): model.encode(word, cache: cache, into: &ids)
    case .wordPiece(let model): model.encode(word, cache: cache, into: &ids)
    case .unigram(let model): model.encode(word, cache: cache, into: &ids)
    }
  }
}

extension TokenizerComponent {
  /// What an id can be: far more than any vocabulary has, and few enough to be counted.
  static let ids = 0...(1 << 24) - 1

  /// The member `vocab`: tokens and their ids.
  func vocabulary() throws -> ByteStringTable {
    guard let tokens = try component("vocab")?.object else {
      throw failure("vocab", "is missing; expected an object of tokens and ids")
    }
    var vocabulary = ByteStringTable(capacity: tokens.count)
    for (token, value) in tokens.members {
      guard let id = value.intValue, Self.ids.contains(id) else {
        throw failure(
          "vocab.\(token)",
          "found \(value.kindDescription), expected an id from 0 to \(Self.ids.upperBound)")
      }
      guard vocabulary.insert(token.utf8, id: Int32(id)) else {
        throw failure("vocab.\(token)", "the id \(id) is given to two tokens")
      }
    }
    return vocabulary
  }
}

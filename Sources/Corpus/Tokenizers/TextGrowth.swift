/// By how much a file's rewriting lengthens a text at most.
///
/// Sixty replacements of `a` by `aa` are 5 KB of a file, and ask for 2^60 bytes for one letter. What real
/// files do, composing characters and spelling spaces and bytes in several, comes to less than 200.
struct TextGrowth {
  /// One way in which a text is rewritten.
  enum Step {
    case replaces(pattern: [UInt8], content: [UInt8])
    case prepends([UInt8])
    /// Whatever a byte was, so many come of it at most, of any kind.
    case rewrites(Double)
  }

  static let maximum = 1024.0
  static let maximumSteps = 256

  /// By byte of a text that is to be rewritten: how many come of it at most.
  private var ofByte = [Double](repeating: 1, count: 256)
  /// What is added to a text, which has a byte at least.
  private var added = 0.0

  /// How much longer a text becomes at most.
  var factor: Double { ofByte.max()! + added }

  /// - Parameter steps: in their order.
  init(_ steps: [Step]) {
    for step in steps.reversed() {
      switch step {
      case .rewrites(let factor):
        ofByte = Array(repeating: factor * ofByte.max()!, count: 256)
      case .prepends(let prefix):
        added += length(of: prefix[...])
      case .replaces(let pattern, let content):
        // All of the growth is laid at the pattern's first byte.
        let first = Int(pattern[0])
        ofByte[first] = max(
          ofByte[first], length(of: content[...]) - length(of: pattern.dropFirst()))
      }
    }
  }

  private func length(of bytes: ArraySlice<UInt8>) -> Double {
    bytes.reduce(0) { $0 + ofByte[Int($1)] }
  }

  /// - Parameter component: what the steps were read from.
  /// - Throws: `TokenizerError` when there are too many steps, or they lengthen a text by too much.
  static func check(_ steps: [Step], _ component: TokenizerComponent, _ name: String) throws {
    if steps.count > maximumSteps {
      throw component.failure(
        name, "rewrites texts in \(steps.count) steps, expected at most \(maximumSteps)")
    }
    let factor = TextGrowth(steps).factor
    if factor > maximum {
      throw component.failure(
        name,
        "makes texts \(factor < 1e15 ? "\(Int(factor))" : "more than 10^15") times as long,"
          + " expected at most \(Int(maximum)) times")
    }
  }
}

extension Normalizer {
  /// How texts are rewritten, one step after the other.
  var rewriting: [TextGrowth.Step] {
    switch self {
    // Of U+0390 (two bytes) come three scalars of two, of U+FDFA (three) letters and spaces of 33.
    case .unicode(.composed), .unicode(.decomposed): [.rewrites(3)]
    case .unicode(.compatiblyComposed), .unicode(.compatiblyDecomposed): [.rewrites(11)]
    case .lowercase: [.rewrites(1.5)]
    case .prepend(let prefix): [.prepends(prefix)]
    case .replace(let pattern, let content): [.replaces(pattern: pattern, content: content)]
    case .strip: []
    // Spaces around ideographs of three bytes, or accents taken off.
    case .bert: [.rewrites(3), .rewrites(1.5)]
    case .sequence(let parts): parts.flatMap(\.rewriting)
    }
  }
}

extension PreTokenizer {
  /// How texts are rewritten before they are split.
  var rewriting: [TextGrowth.Step] {
    switch self {
    // A byte is spelled in two, and so may be a space before each piece.
    case .byteLevel(let addPrefixSpace, _): [.rewrites(addPrefixSpace ? 4 : 2)]
    case .metaspace(let metaspace): [.rewrites(Double(1 + metaspace.replacement.count))]
    case .sequence(let parts): parts.flatMap(\.rewriting)
    case .splitPattern, .splitExpression, .splitLiteral, .digits, .whitespace, .whitespaceSplit,
      .punctuation:
      []
    }
  }
}

extension TokenDecoder {
  /// How the spellings of tokens are rewritten.
  var rewriting: [TextGrowth.Step] {
    switch self {
    // U+FFFD for a byte.
    case .byteLevel, .byteFallback: [.rewrites(3)]
    case .replace(let pattern, let content): [.replaces(pattern: pattern, content: content)]
    case .wordPiece: [.rewrites(2)]
    case .fuse, .strip, .metaspace, .wordSuffix: []
    case .sequence(let parts): parts.flatMap(\.rewriting)
    }
  }
}

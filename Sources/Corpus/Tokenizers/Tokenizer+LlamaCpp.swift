/// How llama.cpp splits text like a tokenizer of the `tokenizers` package.
extension Tokenizer {
  /// What llama.cpp knows a tokenizer by.
  public enum LlamaCppKind: Sendable, Equatable {
    /// Byte-level pairs; the name of what splits words.
    case byteLevel(preTokenizer: String)
    /// SentencePiece's pairs.
    case sentencePiece(addsPrefix: Bool)
  }

  /// The kind whose ids are this tokenizer's; nil where llama.cpp has none. Texts that are not in the
  /// form NFC are normalised here where the file says so, by llama.cpp never.
  public var llamaCppKind: LlamaCppKind? {
    guard case .bytePair(let pairs) = model else { return nil }
    let steps = preTokenizer?.steps ?? []
    if pairs.options.byteFallback { return Self.sentencePiece(normalizer, steps) }
    switch normalizer {
    case nil, .unicode(.composed): break
    default: return nil
    }
    guard let last = steps.last, case .byteLevel(false, let usesPattern) = last,
      pairs.options.continuingPrefix.isEmpty, pairs.options.endOfWordSuffix.isEmpty
    else { return nil }
    var scanner: PatternScanner?
    var splitsDigits = false
    for step in steps.dropLast() {
      switch step {
      case .digits(individual: true): splitsDigits = true
      case .splitPattern(let pattern, .isolated, invert: false) where scanner == nil:
        scanner = pattern
      default: return nil
      }
    }
    let name: String? =
      switch (scanner, usesPattern, splitsDigits, pairs.options.ignoreMerges) {
      case (nil, true, false, false), (.gpt2, false, false, false): "gpt-2"
      case (nil, true, true, false): "smollm"
      case (.newlineAware(digits: 3), false, false, true): "llama-bpe"
      case (.newlineAware(digits: 3), false, false, false): "dbrx"
      case (.newlineAware(digits: 1), false, false, false): "qwen2"
      default: nil
      }
    return name.map { .byteLevel(preTokenizer: $0) }
  }

  private static func sentencePiece(
    _ normalizer: Normalizer?, _ steps: [PreTokenizer]
  ) -> LlamaCppKind? {
    let space = Array("▁".utf8)
    var addsPrefix = false
    var replaces = false
    for part in normalizer?.parts ?? [] {
      switch part {
      case .prepend(let text) where !replaces && text == space: addsPrefix = true
      case .replace(let pattern, let content)
      where pattern == [UInt8(ascii: " ")] && content == space:
        replaces = true
      default: return nil
      }
    }
    for step in steps {
      switch step {
      case .metaspace(let metaspace) where !replaces && metaspace.replacement == space:
        replaces = true
        addsPrefix = metaspace.prependScheme != .never
      // Gemma splits at spaces that its normaliser has replaced already.
      case .splitLiteral(let text, _, invert: false)
      where replaces && text == [UInt8(ascii: " ")]:
        break
      default: return nil
      }
    }
    return replaces ? .sentencePiece(addsPrefix: addsPrefix) : nil
  }
}

extension PreTokenizer {
  fileprivate var steps: [PreTokenizer] {
    if case .sequence(let parts) = self { return parts.flatMap(\.steps) }
    return [self]
  }
}

extension Normalizer {
  fileprivate var parts: [Normalizer] {
    if case .sequence(let parts) = self { return parts.flatMap(\.parts) }
    return [self]
  }
}

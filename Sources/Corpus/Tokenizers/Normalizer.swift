/// Rewrites text before it is split into words.
indirect enum Normalizer: Sendable {
  case unicode(UnicodeForm)
  case lowercase
  case prepend([UInt8])
  case replace(pattern: [UInt8], content: [UInt8])
  case strip(left: Bool, right: Bool)
  case bert(BertNormalization)
  case sequence([Normalizer])

  enum UnicodeForm: String, CaseIterable, Sendable {
    case composed = "NFC"
    case decomposed = "NFD"
    case compatiblyComposed = "NFKC"
    case compatiblyDecomposed = "NFKD"
  }

  static let supported =
    UnicodeForm.allCases.map(\.rawValue)
    + ["Lowercase", "Prepend", "Replace", "Strip", "BertNormalizer", "Sequence"]

  init(_ component: TokenizerComponent) throws {
    let type = try component.string("type")
    if let form = UnicodeForm(rawValue: type) {
      self = .unicode(form)
      return
    }
    switch type {
    case "Lowercase":
      self = .lowercase
    case "Prepend":
      self = .prepend(Array(try component.string("prepend").utf8))
    case "Replace":
      let replacement = try LiteralReplacement(component)
      self = .replace(pattern: replacement.pattern, content: replacement.content)
    case "Strip":
      self = .strip(
        left: try component.boolean("strip_left", default: true),
        right: try component.boolean("strip_right", default: true))
    case "BertNormalizer":
      self = .bert(try BertNormalization(component))
    case "Sequence":
      self = .sequence(try component.components("normalizers").map(Normalizer.init))
    default:
      throw component.unsupported("normaliser", type, supported: Self.supported)
    }
  }

  /// A piece of text and whether its first byte is still the first of the whole text.
  struct Text {
    var bytes: [UInt8]
    var isStart: Bool
  }

  func apply(to text: inout Text) {
    switch self {
    case .unicode(let form):
      text.bytes = UnicodeNormalization.normalize(text.bytes, form)
    case .lowercase:
      var lowered: [UInt8] = []
      lowered.reserveCapacity(text.bytes.count)
      for scalar in String(decoding: text.bytes, as: UTF8.self).unicodeScalars {
        if scalar.isASCII {
          let byte = UInt8(scalar.value)
          lowered.append((0x41...0x5A).contains(byte) ? byte | 0x20 : byte)
        } else {
          lowered.append(contentsOf: scalar.properties.lowercaseMapping.utf8)
        }
      }
      text.bytes = lowered
    case .prepend(let prefix):
      if !text.bytes.isEmpty { text.bytes.insert(contentsOf: prefix, at: 0) }
    case .replace(let pattern, let content):
      text.bytes = text.bytes.replacing(pattern, with: content)
    case .strip(let left, let right):
      strip(&text, left: left, right: right)
    case .bert(let normalization):
      text.bytes = normalization.apply(to: text.bytes)
    case .sequence(let normalizers):
      for normalizer in normalizers { normalizer.apply(to: &text) }
    }
  }

  private func strip(_ text: inout Text, left: Bool, right: Bool) {
    let kept = text.bytes.withUnsafeBufferPointer { bytes -> Range<Int> in
      guard let base = bytes.baseAddress else { return 0..<0 }
      return ScalarClasses.table.withUnsafeBufferPointer { classes in
        let cursor = ScalarCursor(
          bytes: base, end: bytes.count, classes: classes.baseAddress!)
        let start = left ? cursor.run(of: ScalarClasses.whitespace, from: 0) : 0
        var end = bytes.count
        while right, end > start {
          let previous = cursor.previous(end)
          if cursor.read(previous).flags & ScalarClasses.whitespace == 0 { break }
          end = previous
        }
        return start..<end
      }
    }
    if kept.lowerBound > 0 { text.isStart = false }
    text.bytes = Array(text.bytes[kept])
  }
}

/// The literal pattern and the content of a component "Replace".
struct LiteralReplacement {
  let pattern: [UInt8]
  let content: [UInt8]
  /// It is compared with a text at every place.
  static let longestPattern = 256

  init(_ component: TokenizerComponent) throws {
    guard let pattern = component.value("pattern")?["String"]?.stringValue, !pattern.isEmpty
    else {
      throw component.failure(
        "pattern",
        "found \(component.value("pattern")?.compact ?? "nothing"), "
          + "expected {\"String\": …}; regular expressions are not supported here")
    }
    self.pattern = Array(pattern.utf8)
    if self.pattern.count > Self.longestPattern {
      throw component.failure(
        "pattern",
        "has \(self.pattern.count) bytes, expected at most \(Self.longestPattern)")
    }
    content = Array(try component.string("content").utf8)
  }
}

extension [UInt8] {
  /// Every occurrence of a pattern, from left to right, replaced; an empty pattern occurs nowhere.
  func replacing(_ pattern: [UInt8], with content: [UInt8]) -> [UInt8] {
    if pattern.isEmpty { return self }
    var output: [UInt8] = []
    output.reserveCapacity(count)
    var position = 0
    while position < count {
      if self[position] == pattern[0], position + pattern.count <= count,
        self[position..<position + pattern.count].elementsEqual(pattern)
      {
        output.append(contentsOf: content)
        position += pattern.count
      } else {
        output.append(self[position])
        position += 1
      }
    }
    return output
  }
}

import Documents

/// Some of a model's layers, counted from 0: by their numbers, or by a pattern that fits models of
/// any depth.
public struct LayerSelection: Sendable, Equatable {
  private enum Term: Sendable, Equatable {
    /// One layer, or several in a row.
    case layers(ClosedRange<Int>)
    case first(Int)
    case last(Int)
    /// The last of each group of so many: of every 4 the layers 3, 7, 11 …
    case every(Int)
  }

  private let terms: [Term]

  /// The layers of the given indices.
  public init(_ layers: [Int]) { terms = layers.map { .layers($0...$0) } }

  /// Reads terms between commas: `3`, `6-8`, `first 2`, `last 2`, `every 4`; nil for other texts.
  public init?(_ text: String) {
    var terms: [Term] = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      guard let term = Self.term(part.split(separator: " ")) else { return nil }
      terms.append(term)
    }
    self.terms = terms
  }

  private static func term(_ words: [Substring]) -> Term? {
    if words.count == 1 {
      let bounds = words[0].split(separator: "-", omittingEmptySubsequences: false).map(number)
      guard (1...2).contains(bounds.count), let first = bounds[0], let last = bounds.last!,
        first <= last
      else { return nil }
      return .layers(first...last)
    }
    guard words.count == 2, let count = number(words[1]), count > 0 else { return nil }
    return switch words[0] {
    case "first": .first(count)
    case "last": .last(count)
    case "every": .every(count)
    default: nil
    }
  }

  private static func number(_ text: Substring) -> Int? {
    text.allSatisfy { ("0"..."9").contains($0) } ? Int(text) : nil
  }

  /// Reads a list of layers, or a pattern; empty unless given.
  ///
  /// - Parameter meaning: what the layers are, as the beginning of a sentence.
  public init(_ reader: DocumentReader, _ key: String, _ meaning: String) {
    let found = reader.integers(
      key, default: [], orText: "a pattern such as \"every 4\", \"first 2, last 2\" or \"0,3,6-8\"",
      parse: { LayerSelection($0) },
      "\(meaning): numbers, or a pattern of terms such as \"every 4\" (3, 7, 11 …), \"first 2\", "
        + "\"last 2\", \"0,3,6-8\"")
    self = found.text ?? LayerSelection(found.list)
  }

  /// Whether no layer is selected, whatever the model.
  public var isEmpty: Bool { terms.isEmpty }

  /// The selected layers of a model of so many, in rising order, each once.
  public func layers(of count: Int) -> [Int] {
    (0..<count).filter { layer in
      terms.contains { term in
        switch term {
        case .layers(let range): range.contains(layer)
        case .first(let first): layer < first
        case .last(let last): layer >= count - last
        case .every(let every): layer % every == every - 1
        }
      }
    }
  }

  /// What of the selection a model of so many layers does not have, as ends of a sentence.
  public func problems(of count: Int) -> [String] {
    terms.flatMap { term -> [String] in
      switch term {
      case .layers(let range):
        if range.upperBound < count { return [] }
        let layer = max(range.lowerBound, count)
        return ["names layer \(layer), the teacher has layers 0 to \(count - 1)"]
      case .first(let found), .last(let found), .every(let found):
        if found <= count { return [] }
        let word =
          switch term {
          case .first: "first"
          case .last: "last"
          default: "every"
          }
        return ["says \"\(word) \(found)\", the teacher has \(count) layers"]
      }
    }
  }
}

/// What lm-eval does to the texts of a data set before it scores them, by the data set's name.
public enum TextCleaning: String, Sendable, CaseIterable {
  case none
  /// Drops what the WikiHow half of HellaSwag has in brackets.
  case hellaswag
  /// Joins what WikiText's tokenisation has set apart.
  case wikitext

  func callAsFunction(_ text: String) -> String {
    switch self {
    case .none: return text
    case .hellaswag:
      var text = CodePoints(text)
      text.strip()
      text.replace(" [title]", with: ". ")
      text.removeBrackets()
      text.replace("  ", with: " ")
      return text.text
    case .wikitext:
      var text = CodePoints(text)
      Self.joinWikitext(&text)
      return text.text
    }
  }

  /// The substitutions in lm-eval's order, also those that do not do what they were meant to.
  private static func joinWikitext(_ text: inout CodePoints) {
    text.replace("s '", with: "s'")
    text.replace(["/"..."/", "'"..."'", " "..." ", "0"..."9", "/"..."/"], with: "/'[0-9]/")
    text.replace(" @-@ ", with: "-")
    text.replace(" @,@ ", with: ",")
    text.replace(" @.@ ", with: ".")
    for mark in [":", ";", ".", "!", "?", ","] { text.replace(" \(mark) ", with: "\(mark) ") }
    text.stripInside("(", ")")
    text.stripInside("[", "]")
    text.stripInside("{", "}")
    text.stripInside("\"", "\"")
    text.stripInside("'", "'")
    text.replace("= = = =", with: "====")
    text.replace("= = =", with: "===")
    text.replace("= =", with: "==")
    text.replace(" \u{B0} ", with: "\u{B0}")
    text.replace(" \n", with: "\n")
    text.replace("\n ", with: "\n")
    text.replace(" N ", with: " 1 ")
    text.replace(" 's", with: "'s")
  }
}

/// Text as Python sees it, whose strings are sequences of code points: Swift's characters would
/// match neither a line feed behind a carriage return nor a space before a combining accent.
struct CodePoints {
  private(set) var scalars: [Unicode.Scalar]

  init(_ text: String) { scalars = Array(text.unicodeScalars) }

  var text: String {
    var view = String.UnicodeScalarView()
    view.append(contentsOf: scalars)
    return String(view)
  }

  /// `str.isspace`, which is also `\s` of Python's regular expressions.
  static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
    scalar.properties.isWhitespace || (0x1C...0x1F).contains(scalar.value)
  }

  /// `len(re.split(r"\s+", text))`: empty words at the ends count.
  var wordCount: Int {
    var runs = 0
    var wasSpace = false
    for scalar in scalars {
      let isSpace = Self.isSpace(scalar)
      if isSpace, !wasSpace { runs += 1 }
      wasSpace = isSpace
    }
    return runs + 1
  }

  /// Code points of white space at the end.
  var trailingSpaces: Int { scalars.reversed().prefix(while: Self.isSpace).count }

  mutating func strip() { scalars = Array(Self.stripped(scalars[...])) }

  private static func stripped(_ scalars: ArraySlice<Unicode.Scalar>) -> ArraySlice<Unicode.Scalar>
  {
    let tail = scalars.drop(while: isSpace)
    return tail.dropLast(tail.reversed().prefix(while: isSpace).count)
  }

  /// `str.replace`: from left to right, once.
  mutating func replace(_ old: String, with new: String) {
    replace(old.unicodeScalars.map { $0...$0 }, with: new)
  }

  /// The same for every run of code points that lie in the given ranges, one each.
  mutating func replace(_ old: [ClosedRange<Unicode.Scalar>], with new: String) {
    let new = Array(new.unicodeScalars)
    var result: [Unicode.Scalar] = []
    result.reserveCapacity(scalars.count)
    var index = 0
    while index < scalars.count {
      if index + old.count <= scalars.count,
        zip(old, scalars[index...]).allSatisfy({ $0.contains($1) })
      {
        result += new
        index += old.count
      } else {
        result.append(scalars[index])
        index += 1
      }
    }
    scalars = result
  }

  /// `re.sub(r"\[.*?\]", "", text)`: brackets and what is in them, within one line.
  mutating func removeBrackets() {
    rewrite(opening: "[", closing: "]", acrossLines: false) { _ in [] }
  }

  /// `re.sub(r"\(\s*([^\)]*?)\s*\)", r"(\1)", text)`, with the given brackets.
  mutating func stripInside(_ opening: Unicode.Scalar, _ closing: Unicode.Scalar) {
    rewrite(opening: opening, closing: closing, acrossLines: true) {
      [opening] + Self.stripped($0) + [closing]
    }
  }

  /// Rewrites every stretch from an opening to the next closing scalar, given what is inside.
  private mutating func rewrite(
    opening: Unicode.Scalar, closing: Unicode.Scalar, acrossLines: Bool,
    _ replacement: (ArraySlice<Unicode.Scalar>) -> [Unicode.Scalar]
  ) {
    var result: [Unicode.Scalar] = []
    result.reserveCapacity(scalars.count)
    var index = 0
    while index < scalars.count {
      let next = index + 1
      guard scalars[index] == opening,
        let end = scalars[next...].firstIndex(where: {
          $0 == closing || (!acrossLines && $0 == "\n")
        }), scalars[end] == closing
      else {
        result.append(scalars[index])
        index = next
        continue
      }
      result += replacement(scalars[next..<end])
      index = end + 1
    }
    scalars = result
  }
}

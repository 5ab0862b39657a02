extension JSONValue {
  /// One line, no spaces.
  public var compact: String {
    var text = ""
    write(to: &text, indentation: nil)
    return text
  }

  /// Indented by two spaces, one member a line, with a final newline; arrays of plain values stay
  /// on one line when they fit.
  public var pretty: String {
    var text = ""
    write(to: &text, indentation: 0)
    text += "\n"
    return text
  }

  private func write(to text: inout String, indentation: Int?) {
    switch self {
    case .null: text += "null"
    case .bool(let value): text += value ? "true" : "false"
    case .integer(let value): text += String(value)
    case .number(let value): text += Self.spelling(of: value)
    case .string(let value): Self.write(value, to: &text)
    case .array(let elements):
      let flat = elements.allSatisfy { $0.arrayValue == nil && $0.objectValue == nil }
      Self.write(
        elements, open: "[", close: "]", indentation: flat ? nil : indentation, to: &text,
        separator: flat && indentation != nil ? ", " : ","
      ) { $0.write(to: &$1, indentation: $2) }
    case .object(let object):
      Self.write(
        object.members, open: "{", close: "}", indentation: indentation, to: &text,
        separator: ","
      ) { member, text, indentation in
        Self.write(member.key, to: &text)
        text += indentation == nil ? ":" : ": "
        member.value.write(to: &text, indentation: indentation)
      }
    }
  }

  private static func write<Element>(
    _ elements: [Element], open: String, close: String, indentation: Int?, to text: inout String,
    separator: String, element write: (Element, inout String, Int?) -> Void
  ) {
    text += open
    let inner = indentation.map { $0 + 2 }
    for (index, element) in elements.enumerated() {
      if index > 0 { text += separator }
      if let inner { text += "\n" + String(repeating: " ", count: inner) }
      write(element, &text, inner)
    }
    if let indentation, !elements.isEmpty {
      text += "\n" + String(repeating: " ", count: indentation)
    }
    text += close
  }

  /// JSON has no NaN and no infinity; they are written as null, as lm-eval's readers expect.
  private static func spelling(of value: Double) -> String {
    value.isFinite ? "\(value)" : "null"
  }

  private static func write(_ string: String, to text: inout String) {
    text += "\""
    for scalar in string.unicodeScalars {
      switch scalar {
      case "\"": text += "\\\""
      case "\\": text += "\\\\"
      case "\n": text += "\\n"
      case "\r": text += "\\r"
      case "\t": text += "\\t"
      case _ where scalar.value < 0x20 || scalar.value == 0x7F:
        let digits = String(scalar.value, radix: 16)
        text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: text.unicodeScalars.append(scalar)
      }
    }
    text += "\""
  }
}

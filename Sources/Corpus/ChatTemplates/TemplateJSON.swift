/// Writes a value as Python's `json.dumps` does.
struct TemplateJSON {
  var escapesNonASCII = false
  /// One level of indentation; `nil` writes one line.
  var indentation: String?
  var elementSeparator = ", "
  var keySeparator = ": "
  var sortsKeys = false

  func text(of value: TemplateValue) throws -> String {
    var text = ""
    try write(value, to: &text, depth: 0)
    return text
  }

  private func write(_ value: TemplateValue, to text: inout String, depth: Int) throws {
    switch value {
    case .none: text += "null"
    case .boolean(let value): text += value ? "true" : "false"
    case .integer(let value): text += String(value)
    case .number(let value):
      text +=
        value.isNaN
        ? "NaN"
        : value.isInfinite ? (value < 0 ? "-Infinity" : "Infinity") : pythonSpelling(of: value)
    case .string(let value): write(value, to: &text)
    case .list(let elements), .tuple(let elements):
      try write(elements, brackets: ("[", "]"), to: &text, depth: depth) { element, text in
        try write(element, to: &text, depth: depth + 1)
      }
    case .dictionary(let fields):
      let members =
        sortsKeys
        ? fields.members.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
        : fields.members
      try write(members, brackets: ("{", "}"), to: &text, depth: depth) { member, text in
        write(member.key, to: &text)
        text += keySeparator
        try write(member.value, to: &text, depth: depth + 1)
      }
    case .undefined, .namespace, .macro, .function, .method:
      throw TemplateFailure("tojson cannot write \(value.kind)")
    }
  }

  private func write<Element>(
    _ elements: [Element], brackets: (String, String), to text: inout String, depth: Int,
    element: (Element, inout String) throws -> Void
  ) throws {
    text += brackets.0
    func breakLine(_ depth: Int) {
      if let indentation { text += "\n" + String(repeating: indentation, count: depth) }
    }
    for (index, value) in elements.enumerated() {
      try TemplateValue.requireLength(text.utf8.count)
      if index > 0 { text += elementSeparator }
      try TemplateValue.requireLength((indentation ?? "").utf8.count, times: depth + 1)
      breakLine(depth + 1)
      try element(value, &text)
    }
    if !elements.isEmpty { breakLine(depth) }
    text += brackets.1
  }

  private func write(_ string: String, to text: inout String) {
    let short: [Unicode.Scalar: String] = [
      "\"": "\\\"", "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\u{8}": "\\b",
      "\u{C}": "\\f",
    ]
    text += "\""
    for scalar in string.unicodeScalars {
      if let escape = short[scalar] {
        text += escape
      } else if scalar.value < 0x20 || (escapesNonASCII && scalar.value > 0x7E) {
        for unit in String(scalar).utf16 { text += "\\u" + hexadecimal(UInt32(unit), width: 4) }
      } else {
        text.unicodeScalars.append(scalar)
      }
    }
    text += "\""
  }
}

/// What may stand after `|`, with Jinja's defaults; `tojson` is the one of `transformers`, which
/// escapes neither HTML nor what lies outside of ASCII.
enum TemplateFilters {
  typealias Filter =
    @Sendable (TemplateValue, TemplateCall, TemplateInterpreter) throws -> TemplateValue

  static let known: [String: Filter] = textFilters.merging(listFilters) { first, _ in first }

  /// Those that spell values which are no texts.
  static let spelling: Set<String> = [
    "string", "upper", "lower", "capitalize", "title", "trim", "replace", "indent", "tojson",
  ]

  private static let textFilters: [String: Filter] = [
    "safe": { value, call, _ in
      try call.none()
      return value
    },
    "string": { value, call, _ in
      try call.none()
      return .string(try value.text())
    },
    "upper": { value, call, _ in
      try call.none()
      return .string(try value.text().uppercased())
    },
    "lower": { value, call, _ in
      try call.none()
      return .string(try value.text().lowercased())
    },
    "capitalize": { value, call, _ in
      try call.none()
      return .string(sentenceCased(try value.text()))
    },
    "title": { value, call, _ in
      try call.none()
      // Jinja's title keeps a word whole across apostrophes, unlike the method of strings.
      return .string(
        titled(try value.text(), capital: \.properties.uppercaseMapping) {
          !isPythonSpace($0) && !"-({[<".unicodeScalars.contains($0)
        })
    },
    "trim": { value, call, _ in
      let characters = try call.bound(to: ["chars"])[0].text(of: "chars")
      return .string(stripped(try value.text(), of: characters))
    },
    "replace": { value, call, _ in
      let bound = try call.bound(to: ["old", "new", "count"], required: 2)
      return .string(
        try replaced(
          try value.text(), try bound[0]!.text(), with: try bound[1]!.text(),
          limit: try bound[2].integer(of: "count") ?? -1))
    },
    "indent": { value, call, _ in
      let bound = try call.bound(to: ["width", "first", "blank"])
      let indentation: String
      if case .string(let text) = bound[0] {
        indentation = text
      } else {
        let width = try bound[0].integer(of: "width") ?? 4
        indentation = String(repeating: " ", count: max(0, min(width, 10_000)))
      }
      let lines = try splitLines(try value.text() + "\n")
      try TemplateValue.requireLength(indentation.utf8.count, times: lines.count)
      let indented = lines.enumerated().map { index, line in
        let isIndented = index == 0 ? bound[1].isTrue : bound[2].isTrue || !line.isEmpty
        return isIndented ? indentation + line : line
      }
      return .string(indented.joined(separator: "\n"))
    },
    "tojson": { value, call, _ in
      let bound = try call.bound(to: ["ensure_ascii", "indent", "separators", "sort_keys"])
      var writer = TemplateJSON()
      writer.escapesNonASCII = bound[0].isTrue
      if case .string(let text) = bound[1] {
        writer.indentation = text
      } else if let width = try bound[1].integer(of: "indent") {
        writer.indentation = String(repeating: " ", count: max(0, min(width, 100)))
      }
      if writer.indentation != nil { writer.elementSeparator = "," }
      if let separators = bound[2]?.elements {
        guard separators.count == 2, case .string(let element) = separators[0],
          case .string(let key) = separators[1]
        else { throw TemplateFailure("\"separators\" of tojson takes a pair of strings") }
        (writer.elementSeparator, writer.keySeparator) = (element, key)
      }
      writer.sortsKeys = bound[3].isTrue
      return .string(try writer.text(of: value))
    },
    "int": { value, call, _ in
      let fallback = try call.bound(to: ["default"])[0] ?? .integer(0)
      switch value {
      case .number(let number):
        return Int(exactly: number.rounded(.towardZero)).map { .integer($0) } ?? fallback
      case .string(let text):
        let trimmed = stripped(text, of: nil)
        if let integer = Int(trimmed) { return .integer(integer) }
        return Double(trimmed).flatMap { Int(exactly: $0.rounded(.towardZero)) }
          .map { .integer($0) } ?? fallback
      default: return value.wholeNumber.map { .integer($0) } ?? fallback
      }
    },
    "float": { value, call, _ in
      let fallback = try call.bound(to: ["default"])[0] ?? .number(0)
      if case .string(let text) = value {
        return Double(stripped(text, of: nil)).map { .number($0) } ?? fallback
      }
      return value.anyNumber.map { .number($0) } ?? fallback
    },
    "abs": { value, call, _ in
      try call.none()
      if let integer = value.wholeNumber, integer != .min { return .integer(abs(integer)) }
      guard let number = value.anyNumber else {
        throw TemplateFailure("abs takes a number, found \(value.kind)")
      }
      return .number(abs(number))
    },
    "default": fallback, "d": fallback,
  ]

  private static let fallback: Filter = { value, call, _ in
    let bound = try call.bound(to: ["default_value", "boolean"])
    let isReplaced = value.isUndefined || (bound[1].isTrue && !value.isTrue)
    return isReplaced ? bound[0] ?? .string("") : value
  }
}

/// Filters of lists and dictionaries.
extension TemplateFilters {
  static let listFilters: [String: Filter] = [
    "length": length, "count": length,
    "list": { value, call, _ in
      try call.none()
      return .list(try value.iterated())
    },
    "items": { value, call, _ in
      try call.none()
      if value.isUndefined { return .list([]) }
      guard case .dictionary(let fields) = value else {
        throw TemplateFailure("items takes a dictionary, found \(value.kind)")
      }
      return .list(fields.pairs)
    },
    "first": { value, call, _ in
      try call.none()
      return try value.iterated().first ?? .undefined(hint: "the first element of nothing")
    },
    "last": { value, call, _ in
      try call.none()
      return try value.iterated().last ?? .undefined(hint: "the last element of nothing")
    },
    "reverse": { value, call, _ in
      try call.none()
      if case .string(let text) = value {
        return .string(String(String.UnicodeScalarView(text.unicodeScalars.reversed())))
      }
      return .list(try value.iterated().reversed())
    },
    "join": { value, call, interpreter in
      let bound = try call.bound(to: ["d", "attribute"])
      let separator = try bound[0].map(interpreter.spelled) ?? ""
      let pieces = try value.iterated().map { element in
        try interpreter.spend(bound[1]?.readingCost ?? 0)
        return try interpreter.spelled(bound[1].map { try attribute($0, of: element) } ?? element)
      }
      return .string(try joinedText(pieces, by: separator))
    },
    "sort": { value, call, interpreter in
      try interpreter.spend(sortingTurns * value.weight())
      let bound = try call.bound(to: ["reverse", "case_sensitive", "attribute"])
      return .list(
        try ordered(
          try value.iterated(), isReversed: bound[0].isTrue, isCaseSensitive: bound[1].isTrue
        ) { element in
          try bound[2].map { try attribute($0, of: element) } ?? element
        })
    },
    "dictsort": { value, call, interpreter in
      try interpreter.spend(sortingTurns * value.weight())
      let bound = try call.bound(to: ["case_sensitive", "by", "reverse"])
      guard case .dictionary(let fields) = value else {
        throw TemplateFailure("dictsort takes a dictionary, found \(value.kind)")
      }
      let byValue = try bound[1].text(of: "by") == "value"
      return .list(
        try ordered(
          fields.pairs, isReversed: bound[2].isTrue, isCaseSensitive: bound[0].isTrue
        ) { $0.elements![byValue ? 1 : 0] })
    },
    "unique": { value, call, interpreter in
      let bound = try call.bound(to: ["case_sensitive", "attribute"])
      var kept: [(key: TemplateValue, element: TemplateValue)] = []
      for element in try value.iterated() {
        let member = try bound[1].map { try attribute($0, of: element) } ?? element
        let key = bound[0].isTrue ? member : folded(member)
        try interpreter.spend(kept.count * key.weight())
        if !kept.contains(where: { $0.key.equals(key) }) { kept.append((key, element)) }
      }
      return .list(kept.map(\.element))
    },
    "sum": { value, call, interpreter in
      let bound = try call.bound(to: ["attribute", "start"])
      return try value.iterated().reduce(bound[1] ?? .integer(0)) { sum, element in
        try interpreter.weighed(
          sum.combine("+", bound[0].map { try attribute($0, of: element) } ?? element))
      }
    },
    "min": { value, call, interpreter in
      try interpreter.spend(sortingTurns * value.weight())
      return try extreme(value, call, isLast: false)
    },
    "max": { value, call, interpreter in
      try interpreter.spend(sortingTurns * value.weight())
      return try extreme(value, call, isLast: true)
    },
    "map": { value, call, interpreter in
      let elements = try value.iterated()
      guard call.positional.isEmpty else {
        guard case .string(let name) = call.positional[0], known[name] != nil else {
          throw TemplateFailure.unknown(
            "filter", try call.positional[0].text(), known: Array(known.keys))
        }
        let rest = call.dropFirst(name: name)
        return .list(try elements.map { try interpreter.filtered($0, rest) })
      }
      let bound = try call.bound(to: ["attribute", "default"], required: 1)
      return .list(
        try elements.map { element in
          let member = try attribute(bound[0]!, of: element)
          return member.isUndefined ? bound[1] ?? member : member
        })
    },
    "select": { value, call, interpreter in
      try chosen(value, call, ofAttribute: false, keeps: true, interpreter)
    },
    "reject": { value, call, interpreter in
      try chosen(value, call, ofAttribute: false, keeps: false, interpreter)
    },
    "selectattr": { value, call, interpreter in
      try chosen(value, call, ofAttribute: true, keeps: true, interpreter)
    },
    "rejectattr": { value, call, interpreter in
      try chosen(value, call, ofAttribute: true, keeps: false, interpreter)
    },
  ]

  /// How often sorting looks at an element, about.
  private static let sortingTurns = 8

  private static let length: Filter = { value, call, _ in
    try call.none()
    return .integer(try value.length())
  }

  /// `a.b.0` leads through members and positions.
  private static func attribute(
    _ path: TemplateValue, of value: TemplateValue
  ) throws -> TemplateValue {
    try path.text().split(separator: ".").reduce(value) { value, part in
      try value.element(Int(part).map { .integer($0) } ?? .string(String(part)))
    }
  }

  private static func chosen(
    _ value: TemplateValue, _ call: TemplateCall, ofAttribute: Bool, keeps: Bool,
    _ interpreter: TemplateInterpreter
  ) throws -> TemplateValue {
    var rest = call.positional[...]
    let path = ofAttribute ? rest.popFirst() : nil
    if ofAttribute, path == nil { throw TemplateFailure("\"\(call.name)\" lacks an attribute") }
    let test = try rest.popFirst().text(of: "the test of \(call.name)")
    if let test, !TemplateTests.known.contains(test) {
      throw TemplateFailure.unknown("test", test, known: TemplateTests.known)
    }
    let cost = try rest.reduce(path?.readingCost ?? 0) { try $0 + $1.comparisonCost() }
    return .list(
      try value.iterated().filter { element in
        let member = try path.map { try attribute($0, of: element) } ?? element
        try interpreter.spend(cost + (test == nil ? 0 : member.comparisonCost()))
        let holds = try test.map { try TemplateTests.holds($0, member, Array(rest)) }
        return (holds ?? member.isTrue) == keeps
      })
  }

  private static func folded(_ value: TemplateValue) -> TemplateValue {
    if case .string(let text) = value { .string(text.lowercased()) } else { value }
  }

  private static func ordered(
    _ elements: [TemplateValue], isReversed: Bool = false, isCaseSensitive: Bool,
    by key: (TemplateValue) throws -> TemplateValue
  ) throws -> [TemplateValue] {
    let keyed = try elements.map { element in
      let key = try key(element)
      return (key: isCaseSensitive ? key : folded(key), element: element)
    }
    // Equal keys keep their order, also when reversed: Python's sort is stable, and Swift does
    // not promise to be.
    return try keyed.enumerated().sorted { left, right in
      if left.element.key.equals(right.element.key) { return left.offset < right.offset }
      return try left.element.key.isLess(than: right.element.key) != isReversed
    }.map(\.element.element)
  }

  private static func extreme(
    _ value: TemplateValue, _ call: TemplateCall, isLast: Bool
  ) throws -> TemplateValue {
    let bound = try call.bound(to: ["case_sensitive", "attribute"])
    let sorted = try ordered(
      try value.iterated(), isCaseSensitive: bound[0].isTrue
    ) { element in
      try bound[1].map { try attribute($0, of: element) } ?? element
    }
    return (isLast ? sorted.last : sorted.first) ?? .undefined(hint: "\(call.name) of nothing")
  }
}

extension TemplateFields {
  /// The members as pairs of key and value.
  var pairs: [TemplateValue] { members.map { .tuple([.string($0.key), $0.value]) } }
}

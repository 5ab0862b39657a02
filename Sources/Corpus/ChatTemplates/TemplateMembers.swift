/// Members, positions, slices and methods of values.
extension TemplateValue {
  static let stringMethods = [
    "strip", "lstrip", "rstrip", "startswith", "endswith", "split", "rsplit", "splitlines",
    "upper", "lower", "title", "capitalize", "replace", "find", "rfind", "count", "join",
    "removeprefix", "removesuffix", "isdigit", "isalpha", "isspace",
  ]
  static let dictionaryMethods = ["items", "keys", "values", "get"]
  static let listMethods = ["index", "count"]

  private var methods: [String] {
    switch self {
    case .string: Self.stringMethods
    case .dictionary: Self.dictionaryMethods
    case .list, .tuple: Self.listMethods
    default: []
    }
  }

  /// `value.name`: a method goes before a member of that name, as in Jinja.
  func attribute(_ name: String) throws -> TemplateValue {
    if methods.contains(name) { return .method(self, name) }
    return try member(name)
  }

  /// `value[key]`: a member goes before a method of that name.
  func element(_ key: TemplateValue) throws -> TemplateValue {
    switch key {
    case .string(let name):
      let found = try member(name)
      return found.isUndefined && methods.contains(name) ? .method(self, name) : found
    default:
      guard let index = key.wholeNumber else {
        return .undefined(hint: "\(kind) has no element \(try key.quoted())")
      }
      if case .undefined(let hint) = self {
        throw TemplateFailure("\(hint), so it has no element \(index)")
      }
      let elements: [TemplateValue]
      switch self {
      case .list(let found), .tuple(let found): elements = found
      case .string(let text): return try text.scalar(at: index)
      default: return .undefined(hint: "\(kind) has no element \(index)")
      }
      let position = index < 0 ? index + elements.count : index
      guard elements.indices.contains(position) else {
        return .undefined(hint: "\(kind) of \(elements.count) has no element \(index)")
      }
      return elements[position]
    }
  }

  private func member(_ name: String) throws -> TemplateValue {
    switch self {
    case .dictionary(let fields):
      return fields[name] ?? .undefined(hint: "the dictionary has no member \"\(name)\"")
    case .namespace(let namespace):
      return namespace.fields[name] ?? .undefined(hint: "the namespace has no member \"\(name)\"")
    case .undefined(let hint):
      throw TemplateFailure("\(hint), so it has no member \"\(name)\"")
    default: return .undefined(hint: "\(kind) has no member \"\(name)\"")
    }
  }

  /// `value[lower:upper:step]` with Python's bounds.
  func slice(_ lower: Int?, _ upper: Int?, step: Int) throws -> TemplateValue {
    if step == 0 { throw TemplateFailure("the step of a slice is 0; expected another integer") }
    if case .string(let text) = self {
      let scalars = Array(text.unicodeScalars)
      let picked = Self.positions(lower, upper, step, count: scalars.count).map { scalars[$0] }
      return .string(String(String.UnicodeScalarView(picked)))
    }
    let all = try iterated()
    let picked = Self.positions(lower, upper, step, count: all.count).map { all[$0] }
    switch self {
    case .tuple: return .tuple(picked)
    case .list, .undefined: return .list(picked)
    default: throw TemplateFailure("cannot slice \(kind); expected a list or string")
    }
  }

  private static func positions(
    _ lower: Int?, _ upper: Int?, _ step: Int, count: Int
  ) -> StrideTo<Int> {
    func bound(_ index: Int?, _ fallback: Int) -> Int {
      guard let index else { return fallback }
      let position = index < 0 ? index + count : index
      return step > 0 ? min(max(position, 0), count) : min(max(position, -1), count - 1)
    }
    let start = bound(lower, step > 0 ? 0 : count - 1)
    let end = bound(upper, step > 0 ? count : -1)
    return stride(from: start, to: end, by: step)
  }

  /// Calls a method of this value.
  func call(_ method: String, _ call: TemplateCall) throws -> TemplateValue {
    switch self {
    case .string(let text): return try text.callTemplateMethod(method, call)
    case .dictionary(let fields): return try Self.call(method, call, of: fields)
    default:
      let bound = try call.bound(to: ["value"], required: 1)
      let found = try iterated()
      if method == "count" { return .integer(found.count { $0.equals(bound[0]!) }) }
      guard let index = found.firstIndex(where: { $0.equals(bound[0]!) }) else {
        throw TemplateFailure("index: the list does not hold \(try bound[0]!.quoted())")
      }
      return .integer(index)
    }
  }

  private static func call(
    _ method: String, _ call: TemplateCall, of fields: TemplateFields
  ) throws -> TemplateValue {
    if method == "get" {
      let bound = try call.bound(to: ["key", "default"], required: 1)
      guard case .string(let key) = bound[0]! else { return bound[1] ?? .none }
      return fields[key] ?? bound[1] ?? .none
    }
    try call.none()
    switch method {
    case "keys": return .list(fields.keys.map { .string($0) })
    case "values": return .list(fields.members.map(\.value))
    default: return .list(fields.pairs)
    }
  }
}

extension String {
  fileprivate func scalar(at index: Int) throws -> TemplateValue {
    let scalars = unicodeScalars
    let found =
      index < 0
      ? scalars.index(scalars.endIndex, offsetBy: index, limitedBy: scalars.startIndex)
      : scalars.index(scalars.startIndex, offsetBy: index, limitedBy: scalars.endIndex)
    guard let found, found < scalars.endIndex else {
      return .undefined(hint: "a string of \(scalars.count) has no element \(index)")
    }
    return .string(String(scalars[found]))
  }

  fileprivate func callTemplateMethod(
    _ method: String, _ call: TemplateCall
  ) throws -> TemplateValue {
    switch method {
    case "strip", "lstrip", "rstrip":
      let characters = try call.bound(to: ["chars"])[0].text(of: "chars")
      return .string(
        stripped(
          self, of: characters, leading: method != "rstrip", trailing: method != "lstrip"))
    case "startswith", "endswith":
      let wanted = try call.bound(to: ["affix"], required: 1)[0]!
      let affixes = if case .tuple(let several) = wanted { several } else { [wanted] }
      return .boolean(
        try affixes.contains { affix in
          guard let affix = try Optional(affix).text(of: method) else { return false }
          return has(affix, atEnd: method == "endswith")
        })
    case "removeprefix", "removesuffix":
      let affix = try call.bound(to: ["affix"], required: 1)[0].text(of: method) ?? ""
      let isAtEnd = method == "removesuffix"
      guard !affix.isEmpty, has(affix, atEnd: isAtEnd) else { return .string(self) }
      let count = affix.utf8.count
      let rest = isAtEnd ? utf8.dropLast(count) : utf8.dropFirst(count)
      return .string(String(decoding: rest, as: UTF8.self))
    case "split", "rsplit":
      let bound = try call.bound(to: ["sep", "maxsplit"])
      return .list(
        try split(
          at: bound[0].text(of: "sep"), limit: bound[1].integer(of: "maxsplit") ?? -1,
          fromEnd: method == "rsplit"
        ).map { .string($0) })
    case "replace":
      let bound = try call.bound(to: ["old", "new", "count"], required: 2)
      return .string(
        try replaced(
          self, try bound[0].text(of: "old") ?? "", with: try bound[1].text(of: "new") ?? "",
          limit: try bound[2].integer(of: "count") ?? -1))
    case "find", "rfind", "count":
      let part = try call.bound(to: ["part"], required: 1)[0].text(of: "part") ?? ""
      if part.isEmpty { throw TemplateFailure("\(method): the text to look for is empty") }
      let bytes = Array(utf8)
      let search = TextSearch(part)
      var (count, found) = (0, -1)
      var start = 0
      while let next = search.next(in: bytes, from: start) {
        (count, found, start) = (count + 1, next, next + part.utf8.count)
        if method == "find" { break }
      }
      if method == "count" { return .integer(count) }
      // Places are counted in code points.
      return .integer(found < 0 ? -1 : bytes[..<found].count { $0 & 0xC0 != 0x80 })
    case "join":
      let pieces = try call.bound(to: ["pieces"], required: 1)[0]!.iterated()
      return .string(
        try joinedText(
          pieces.map { try Optional($0).text(of: "an element to join") ?? "" }, by: self))
    default:
      try call.none()
      return try plainMethod(method)
    }
  }

  private func plainMethod(_ method: String) throws -> TemplateValue {
    let scalars = unicodeScalars
    func all(_ holds: (Unicode.Scalar) -> Bool) -> TemplateValue {
      .boolean(!isEmpty && scalars.allSatisfy(holds))
    }
    switch method {
    case "upper": return .string(uppercased())
    case "lower": return .string(lowercased())
    case "capitalize": return .string(sentenceCased(self))
    case "title":
      return .string(
        titled(self, capital: \.properties.titlecaseMapping) { $0.properties.isCased })
    case "splitlines": return .list(try splitLines(self).map { .string($0) })
    case "isdigit":
      return all { $0.properties.numericType == .decimal || $0.properties.numericType == .digit }
    case "isspace": return all(isPythonSpace)
    default:
      return all {
        switch $0.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter:
          true
        default: false
        }
      }
    }
  }

  private func has(_ affix: String, atEnd: Bool) -> Bool {
    atEnd ? utf8.reversed().starts(with: affix.utf8.reversed()) : utf8.starts(with: affix.utf8)
  }

  private func split(at separator: String?, limit: Int, fromEnd: Bool) throws -> [String] {
    guard let separator else {
      if fromEnd, limit >= 0 {
        throw TemplateFailure("rsplit with a limit needs a separator")
      }
      return try splitAtSpaces(self, limit: limit)
    }
    if separator.isEmpty { throw TemplateFailure("split: the separator is empty") }
    guard fromEnd, limit >= 0 else { return try splitText(self, at: separator, limit: limit) }
    let pieces = try splitText(self, at: separator, limit: -1)
    let kept = max(1, pieces.count - limit)
    return [pieces[..<kept].joined(separator: separator)] + pieces[kept...]
  }
}

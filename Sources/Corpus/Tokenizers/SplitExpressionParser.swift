/// What in a split pattern is not known here.
struct SplitExpressionError: Error, CustomStringConvertible {
  let description: String
}

/// Reads a regular expression.
struct SplitExpressionParser {
  private let scalars: [Unicode.Scalar]
  private var position = 0
  private var ignoresCase = false
  private var depth = 0

  private static let maximumLength = 1 << 16
  private static let maximumDepth = 64

  typealias Node = SplitExpression.Node

  init(_ pattern: String) { scalars = Array(pattern.unicodeScalars) }

  mutating func parse() throws -> Node {
    if scalars.count > Self.maximumLength { throw failure("is longer than any known pattern") }
    let node = try alternatives()
    if position < scalars.count { throw failure("has a \")\" without its \"(\"") }
    return node
  }

  private func failure(_ reason: String) -> SplitExpressionError {
    SplitExpressionError(description: "\(reason), at character \(position)")
  }

  private var next: Unicode.Scalar? { position < scalars.count ? scalars[position] : nil }

  private mutating func take(_ text: String) -> Bool {
    let wanted = Array(text.unicodeScalars)
    guard scalars[position...].starts(with: wanted) else { return false }
    position += wanted.count
    return true
  }

  private mutating func alternatives() throws -> Node {
    depth += 1
    defer { depth -= 1 }
    if depth > Self.maximumDepth { throw failure("nests deeper than \(Self.maximumDepth) groups") }
    var branches = [try sequence()]
    while take("|") { branches.append(try sequence()) }
    return branches.count == 1 ? branches[0] : .alternatives(branches)
  }

  private mutating func sequence() throws -> Node {
    var nodes: [Node] = []
    while let scalar = next, scalar != "|", scalar != ")" {
      nodes.append(try repeated(try atom()))
    }
    return nodes.count == 1 ? nodes[0] : .sequence(nodes)
  }

  // MARK: Repetition

  private mutating func repeated(_ node: Node) throws -> Node {
    var node = node
    var levels = 0
    while next.map({ "*+?{".unicodeScalars.contains($0) }) == true {
      levels += 1
      if levels > Self.maximumDepth { throw failure("repeats repetitions") }
      let isInterval = next == "{"
      let (least, most) = try bounds()
      // Behind an interval a plus repeats it, and a question mark behind {n} makes it optional.
      let isLazy = !(isInterval && least == most) && take("?")
      let greed: SplitExpression.Greed =
        isLazy ? .lazy : !isInterval && take("+") ? .possessive : .greedy
      node = .repetition(node, atLeast: least, atMost: most, greed)
    }
    return node
  }

  private mutating func bounds() throws -> (Int, Int) {
    if take("*") { return (0, .max) }
    if take("+") { return (1, .max) }
    if take("?") { return (0, 1) }
    let start = position
    position += 1
    let least = number()
    let hasComma = take(",")
    let most = hasComma ? number() : least
    guard take("}"), least != nil || most != nil else {
      position = start
      throw failure("has a \"{\" that bounds no repetition")
    }
    let bounds = (least ?? 0, most ?? .max)
    if bounds.0 > bounds.1 || bounds.0 > 1000 { throw failure("repeats by impossible bounds") }
    return bounds
  }

  private mutating func number() -> Int? {
    var value: Int?
    while let digit = next, ("0"..."9").contains(digit), value ?? 0 < 100_000 {
      value = (value ?? 0) * 10 + Int(digit.value - 48)
      position += 1
    }
    return value
  }

  // MARK: Atoms

  private mutating func atom() throws -> Node {
    let scalar = scalars[position]
    position += 1
    switch scalar {
    case "(": return try group()
    case "[": return .scalar(try set().completed(ignoringCase: ignoresCase))
    case "^": return .lineStart
    case "$": return .lineEnd
    case ".":
      var set = ScalarSet.single(0x0A)
      set.negate()
      return .scalar(set.completed(ignoringCase: false))
    case "\\":
      if take("b") { return .wordBorder(isNegated: false) }
      if take("B") { return .wordBorder(isNegated: true) }
      if take("A") { throw failure("has \\A, which is not supported") }
      let set = try escaped(isAlone: true)
      // Outside of brackets a category stays what it is where case is ignored.
      return .scalar(set.completed(ignoringCase: ignoresCase && set.categories == 0))
    case "*", "+", "?": throw failure("repeats nothing")
    default: return .scalar(ScalarSet.single(scalar.value).completed(ignoringCase: ignoresCase))
    }
  }

  private mutating func group() throws -> Node {
    let outer = ignoresCase
    defer { ignoresCase = outer }
    var node: Node
    if take("?:") || !take("?") {
      node = try alternatives()
    } else if take("=") {
      node = .ahead(try alternatives(), isNegated: false)
    } else if take("!") {
      node = .ahead(try alternatives(), isNegated: true)
    } else if take(">") {
      node = .repetition(
        .sequence([try alternatives()]), atLeast: 1, atMost: 1, .possessive)
    } else if take("i:") {
      ignoresCase = true
      node = try alternatives()
    } else if take("-i:") {
      ignoresCase = false
      node = try alternatives()
    } else if take("i)") {
      // Up to the end of the group that it stands in.
      ignoresCase = true
      let rest = try alternatives()
      return rest
    } else {
      throw failure("has a group of an unknown kind")
    }
    guard take(")") else { throw failure("has a \"(\" without its \")\"") }
    if case .scalar = node { node = .sequence([node]) }
    return node
  }

  // MARK: Sets

  private mutating func set() throws -> ScalarSet {
    depth += 1
    defer { depth -= 1 }
    if depth > Self.maximumDepth { throw failure("nests deeper than \(Self.maximumDepth) sets") }
    var set = ScalarSet()
    let isNegated = take("^")
    var isFirst = true
    while let scalar = next, scalar != "]" || isFirst {
      isFirst = false
      if take("[") {
        if next == ":" { throw failure("has a POSIX class, which is not supported") }
        set.insert(try self.set())
        continue
      }
      if take("&&") { throw failure("has an intersection of sets, which is not supported") }
      try insertElement(into: &set)
    }
    guard take("]") else { throw failure("has a \"[\" without its \"]\"") }
    if isNegated { set.negate() }
    return set
  }

  private mutating func insertElement(into set: inout ScalarSet) throws {
    let first = try element()
    guard let low = first.code else {
      set.insert(first.set)
      return
    }
    let isRange =
      next == "-" && position + 1 < scalars.count && scalars[position + 1] != "]"
    guard isRange else {
      set.insert(low...low)
      return
    }
    position += 1
    let second = try element()
    guard let high = second.code, high >= low else { throw failure("has a range without an end") }
    set.insert(low...high)
  }

  /// A scalar, or a class that an escape names.
  private mutating func element() throws -> (code: UInt32?, set: ScalarSet) {
    let scalar = scalars[position]
    position += 1
    if scalar != "\\" { return (scalar.value, ScalarSet()) }
    let set = try escaped(isAlone: false)
    if set.categories == 0, set.ranges.count == 1, let range = set.ranges.first,
      range.lowerBound == range.upperBound, set == ScalarSet.single(range.lowerBound)
    {
      return (range.lowerBound, set)
    }
    return (nil, set)
  }

  /// What stands behind a backslash.
  ///
  /// - Parameter isAlone: whether it stands outside of brackets.
  private mutating func escaped(isAlone: Bool) throws -> ScalarSet {
    guard let scalar = next else { throw failure("ends in a backslash") }
    position += 1
    var set = ScalarSet()
    switch scalar {
    case "n": return .single(0x0A)
    case "r": return .single(0x0D)
    case "t": return .single(0x09)
    case "f": return .single(0x0C)
    case "v": return .single(0x0B)
    case "s", "S": set.insertWhitespace(scalar == "S")
    case "d", "D":
      set.insert(categories: ScalarSet.categories(named: "Nd")!)
      if scalar == "D" { set.negate() }
    case "w", "W":
      set.insertWords(isAlone: isAlone)
      if scalar == "W" { set.negate() }
    case "p", "P":
      set.insert(categories: try category())
      if scalar == "P" { set.negate() }
    case "x", "u": return .single(try code(digits: scalar == "x" ? 2 : 4))
    case _ where scalar.isASCII && scalar.properties.isAlphabetic:
      throw failure("has \\\(scalar), which is not supported")
    default: return .single(scalar.value)
    }
    return set
  }

  private mutating func category() throws -> UInt32 {
    guard take("{") else { throw failure("has \\p without the name of a category") }
    var name = ""
    while let scalar = next, scalar != "}", name.count < 64 {
      name.unicodeScalars.append(scalar)
      position += 1
    }
    guard take("}"), let mask = ScalarSet.categories(named: name) else {
      throw failure("has \\p{\(name)}, which is not supported")
    }
    return mask
  }

  private mutating func code(digits: Int) throws -> UInt32 {
    let isBraced = take("{")
    var text = ""
    while let scalar = next, scalar.properties.isASCIIHexDigit,
      text.count < (isBraced ? 8 : digits)
    {
      text.unicodeScalars.append(scalar)
      position += 1
    }
    guard !isBraced || take("}"), let code = UInt32(text, radix: 16), Unicode.Scalar(code) != nil
    else { throw failure("has an escaped code that is none") }
    return code
  }
}

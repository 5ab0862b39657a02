/// What a template may cost. It comes with a model, hence from strangers: a few characters can ask for
/// endless loops, or for values that are small in memory and endless to print.
extension TemplateValue {
  /// Lists in lists: reading, comparing and releasing a value goes as deep as it does.
  static let maximumDepth = 100
  /// Of one value that a template makes; see `weight`.
  static let maximumWeight = 1 << 24
  /// Stands for what a value costs beside its text.
  static let nodeWeight = 16

  /// Bytes of text, and some for every value inside, counted as often as it occurs: a measure of what
  /// it takes to print, compare or copy a value.
  ///
  /// - Throws: `TemplateFailure` beyond the bounds on weight and depth.
  func weight() throws -> Int {
    var total = 0
    try addWeight(to: &total, depth: 0)
    return total
  }

  fileprivate func addWeight(to total: inout Int, depth: Int) throws {
    if depth > Self.maximumDepth {
      throw TemplateFailure(
        "the template makes values that nest deeper than \(Self.maximumDepth) levels")
    }
    total += Self.nodeWeight
    switch self {
    case .string(let text): total += text.utf8.count
    case .list(let elements), .tuple(let elements):
      for element in elements { try element.addWeight(to: &total, depth: depth + 1) }
    case .dictionary(let fields): try fields.addWeight(to: &total, depth: depth + 1)
    case .namespace(let namespace):
      try namespace.fields.addWeight(to: &total, depth: depth + 1)
    case .method(let receiver, _): try receiver.addWeight(to: &total, depth: depth + 1)
    // It keeps the names of where it was defined, which may keep others in turn.
    case .macro where depth > 0: throw TemplateFailure("a macro cannot be kept inside a value")
    case .undefined, .none, .boolean, .integer, .number, .macro, .function: break
    }
    try Self.requireLength(total)
  }

  /// - Throws: `TemplateFailure` when a text or list of this length is more than a template may make.
  static func requireLength(_ length: Int) throws {
    if length > maximumWeight {
      throw TemplateFailure("the template makes a value of more than \(maximumWeight) bytes")
    }
  }

  /// - Throws: likewise, of this many copies.
  static func requireLength(_ length: Int, times count: Int) throws {
    let (product, overflow) = length.multipliedReportingOverflow(by: max(0, count))
    try requireLength(overflow ? .max : product)
  }

  /// What it costs to go over a value once, but not into what is inside it.
  var readingCost: Int {
    if case .string(let text) = self { return Self.nodeWeight + text.utf8.count }
    return Self.nodeWeight * (1 + (elements?.count ?? 0))
  }
}

extension TemplateFields {
  fileprivate func addWeight(to total: inout Int, depth: Int) throws {
    for (key, value) in members {
      total += key.utf8.count
      try value.addWeight(to: &total, depth: depth)
    }
  }
}

/// Counts what a template has cost.
struct TemplateWork {
  /// About a second's worth.
  static let maximum = 1 << 27
  static let statement = 64
  static let turn = 512

  private var spent = 0

  /// - Throws: `TemplateFailure` when the template has done more than it may.
  mutating func spend(_ amount: Int) throws {
    spent += amount
    if spent > Self.maximum {
      throw TemplateFailure(
        "the template does more work than any conversation needs (\(Self.maximum) steps and bytes)")
    }
  }
}

import Documents

/// What a template may cost. It comes with a model, hence from strangers: a few characters can ask for
/// endless loops, or for values that are small in memory and endless to print.
extension TemplateValue {
  /// Lists in lists: reading, comparing and releasing a value goes as deep as it does.
  static let maximumDepth = 100
  /// Of one value that a template makes; see `weight`.
  static let maximumWeight = 1 << 24
  /// Stands for what a value costs beside its text: a box, and its place in a list.
  static let nodeWeight = 64
  /// Values that a text is taken apart into, or a list repeated to, at most.
  static let maximumElements = maximumWeight / nodeWeight

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

  /// - Throws: likewise, when there would be more elements than a template may make.
  static func requireElements(_ count: Int) throws {
    if count > maximumElements {
      throw TemplateFailure("the template makes a list of more than \(maximumElements) elements")
    }
  }

  /// What it costs to go over a value once, but not into what is inside it: over a text, character by
  /// character.
  var readingCost: Int {
    switch self {
    case .string(let text): TemplateWork.step + TemplateWork.character * text.utf8.count
    case .list(let elements), .tuple(let elements): TemplateWork.step * (1 + elements.count)
    case .dictionary(let fields): TemplateWork.step * (1 + fields.keys.count)
    default: TemplateWork.step
    }
  }

  /// What it costs to compare a value with another, or to look at all that is in it.
  func comparisonCost() throws -> Int {
    switch self {
    case .string(let text): TemplateWork.step + text.utf8.count
    case .list, .tuple, .dictionary: try weight() / 4
    default: TemplateWork.step
    }
  }

  /// What it costs to spell a value; nothing for a text, which is its own spelling.
  func spellingCost() throws -> Int {
    if case .string = self { return 0 }
    return try 4 * weight()
  }
}

extension JSONValue {
  /// As `TemplateValue.weight` of what a template is given, without a bound.
  var templateWeight: Int {
    switch self {
    case .null, .bool, .integer, .number: TemplateValue.nodeWeight
    case .string(let text): TemplateValue.nodeWeight + text.utf8.count
    case .array(let elements): elements.reduce(TemplateValue.nodeWeight) { $0 + $1.templateWeight }
    case .object(let object):
      object.members.reduce(TemplateValue.nodeWeight) {
        $0 + $1.key.utf8.count + $1.value.templateWeight
      }
    }
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

/// Counts what a template has cost, and what it has printed.
struct TemplateWork {
  /// Looking at a value, or evaluating an expression.
  static let step = 16
  static let statement = 64
  static let turn = 512
  /// What most texts take a byte to be rewritten, compared with a byte that is copied.
  static let character = 8

  /// Half a second's worth, and some pages of text; more for what the template was given: a
  /// conversation may be long.
  private let maximum: Int
  private let maximumOutput: Int
  private var spent = 0
  private var printed = 0

  /// - Parameter input: `templateWeight` of the template's variables.
  init(input: Int) {
    maximum = 1 << 26 + 128 * input
    maximumOutput = 1 << 16 + 32 * input
  }

  /// - Throws: `TemplateFailure` when the template has done more than it may.
  mutating func spend(_ amount: Int) throws {
    spent += amount
    if spent > maximum {
      throw TemplateFailure(
        "the template does more work than a conversation of this length needs (\(maximum) steps and bytes)"
      )
    }
  }

  /// - Throws: `TemplateFailure` when the template has printed more than it may, also into names.
  mutating func print(_ bytes: Int) throws {
    printed += bytes
    if printed > maximumOutput {
      throw TemplateFailure(
        "the template prints more than a conversation of this length needs (\(maximumOutput) bytes)"
      )
    }
  }
}

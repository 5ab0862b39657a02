/// An expression of a template, with the line it begins on.
struct TemplateExpression: Sendable {
  let line: Int
  let kind: Kind
  /// Levels of expressions, this one included: evaluating and releasing it goes as deep.
  let height: Int

  init(line: Int, kind: Kind) {
    self.line = line
    self.kind = kind
    height = 1 + (kind.parts.map(\.height).max() ?? 0)
  }

  indirect enum Kind: Sendable {
    case none
    case boolean(Bool)
    case integer(Int)
    case number(Double)
    case string(String)
    case name(String)
    case list([TemplateExpression])
    case tuple([TemplateExpression])
    case dictionary([(key: TemplateExpression, value: TemplateExpression)])
    case attribute(TemplateExpression, String)
    case element(TemplateExpression, TemplateExpression)
    case slice(
      TemplateExpression, TemplateExpression?, TemplateExpression?, step: TemplateExpression?)
    case call(TemplateExpression, TemplateArguments)
    case filter(TemplateExpression, TemplateFilterUse)
    case test(TemplateExpression, String, TemplateArguments)
    case negation(TemplateExpression)
    case sign(negative: Bool, TemplateExpression)
    case arithmetic(String, TemplateExpression, TemplateExpression)
    case both(TemplateExpression, TemplateExpression)
    case either(TemplateExpression, TemplateExpression)
    /// `a < b < c` compares each neighbouring pair.
    case comparison(TemplateExpression, [(symbol: String, operand: TemplateExpression)])
    case conditional(
      TemplateExpression, condition: TemplateExpression, otherwise: TemplateExpression?)
  }
}

extension TemplateExpression.Kind {
  /// The expressions that this one is made of.
  fileprivate var parts: [TemplateExpression] {
    switch self {
    case .none, .boolean, .integer, .number, .string, .name: []
    case .list(let elements), .tuple(let elements): elements
    case .dictionary(let members): members.flatMap { [$0.key, $0.value] }
    case .attribute(let base, _), .negation(let base), .sign(_, let base): [base]
    case .element(let left, let right), .arithmetic(_, let left, let right),
      .both(let left, let right), .either(let left, let right):
      [left, right]
    case .slice(let base, let lower, let upper, let step):
      [base] + [lower, upper, step].compactMap { $0 }
    case .call(let base, let arguments), .test(let base, _, let arguments): [base] + arguments.parts
    case .filter(let base, let use): [base] + use.arguments.parts
    case .comparison(let first, let rest): [first] + rest.map(\.operand)
    case .conditional(let chosen, let condition, let otherwise):
      [chosen, condition] + (otherwise.map { [$0] } ?? [])
    }
  }
}

struct TemplateArguments: Sendable {
  var positional: [TemplateExpression] = []
  var named: [(name: String, value: TemplateExpression)] = []

  fileprivate var parts: [TemplateExpression] { positional + named.map(\.value) }
}

struct TemplateFilterUse: Sendable {
  let line: Int
  let name: String
  let arguments: TemplateArguments
}

/// What `for` and `set` assign to.
indirect enum TemplateTarget: Sendable {
  case name(String)
  case tuple([TemplateTarget])
  /// A member of a namespace: `set ns.found = true`.
  case attribute(of: String, String)
}

struct TemplateStatement: Sendable {
  let line: Int
  let kind: Kind

  indirect enum Kind: Sendable {
    case text(String)
    case output(TemplateExpression)
    case conditional(
      [(condition: TemplateExpression, body: [TemplateStatement])], otherwise: [TemplateStatement])
    case loop(TemplateLoop)
    case assignment(TemplateTarget, TemplateExpression)
    case blockAssignment(TemplateTarget, [TemplateFilterUse], [TemplateStatement])
    case macro(TemplateMacro)
    case scope([(target: TemplateTarget, value: TemplateExpression)], [TemplateStatement])
    case filtered([TemplateFilterUse], [TemplateStatement])
    /// `generation` marks what the assistant wrote, which is what is learned; it changes nothing in
    /// the text.
    case generation([TemplateStatement])
    case breakLoop
    case continueLoop
  }
}

struct TemplateLoop: Sendable {
  let target: TemplateTarget
  let source: TemplateExpression
  let condition: TemplateExpression?
  let body: [TemplateStatement]
  let otherwise: [TemplateStatement]
}

struct TemplateMacro: Sendable {
  let name: String
  let parameters: [(name: String, fallback: TemplateExpression?)]
  let body: [TemplateStatement]
}

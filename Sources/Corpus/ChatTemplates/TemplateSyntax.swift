/// An expression of a template, with the line it begins on.
struct TemplateExpression: Sendable {
  let line: Int
  let kind: Kind

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

struct TemplateArguments: Sendable {
  var positional: [TemplateExpression] = []
  var named: [(name: String, value: TemplateExpression)] = []
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

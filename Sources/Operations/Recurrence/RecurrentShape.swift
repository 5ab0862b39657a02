import TensorCore

/// Heads of a recurrent operation: every query head has a state of `keyDim` by `valueDim`. Heads of
/// keys and of values may be fewer; query head `h` then reads key head `h / (queryHeads / keyHeads)`,
/// and values likewise.
public struct RecurrentShape: Sendable, Equatable {
  /// Heads of queries and outputs, of keys, and of values.
  public let queryHeads, keyHeads, valueHeads: Int
  /// Of queries and keys: features, where a feature map made them.
  public let keyDim: Int
  /// Of values and outputs.
  public let valueDim: Int
  /// Factor of the outputs, and of the denominators where there are any.
  public let scale: Float

  /// - Parameters:
  ///   - keyHeads: divisors of `queryHeads`, which they are unless given.
  ///   - valueHeads: as `keyHeads`.
  ///   - valueDim: `keyDim` unless given.
  public init(
    queryHeads: Int, keyHeads: Int? = nil, valueHeads: Int? = nil, keyDim: Int,
    valueDim: Int? = nil, scale: Float = 1
  ) {
    self.queryHeads = queryHeads
    self.keyHeads = keyHeads ?? queryHeads
    self.valueHeads = valueHeads ?? queryHeads
    self.keyDim = keyDim
    self.valueDim = valueDim ?? keyDim
    self.scale = scale
    precondition(
      queryHeads > 0 && keyDim > 0 && self.valueDim > 0,
      "\(queryHeads) heads of \(keyDim) by \(self.valueDim)")
    for heads in [self.keyHeads, self.valueHeads] {
      precondition(
        heads > 0 && queryHeads % heads == 0, "\(queryHeads) query heads cannot share \(heads)")
    }
  }

  /// Columns of the queries.
  public var queryWidth: Int { queryHeads * keyDim }
  /// Columns of the keys.
  public var keyWidth: Int { keyHeads * keyDim }
  /// Columns of the values.
  public var valueWidth: Int { valueHeads * valueDim }
  /// Columns of the outputs.
  public var outputWidth: Int { queryHeads * valueDim }

  /// Elements of the state of one head.
  var stateCount: Int { keyDim * valueDim }

  /// Heads of an operand of keys, which may have those of the keys or those of the queries.
  func heads(ofKeyOperand operand: Tensor, rows: Int) -> Int {
    precondition(
      operand.shape == [rows, keyWidth] || operand.shape == [rows, queryWidth],
      "operand \(operand.shape) for \(rows) rows of \(self)")
    return operand.shape[1] / keyDim
  }

  func check(queries: Tensor, keys: Tensor, values: Tensor, rows: Int) {
    precondition(
      queries.shape == [rows, queryWidth] && keys.shape == [rows, keyWidth]
        && values.shape == [rows, valueWidth],
      "queries \(queries.shape), keys \(keys.shape), values \(values.shape) for \(self), \(rows) rows"
    )
  }
}

/// How fast a state forgets. Log decays are natural logarithms, at most 0, −∞ allowed.
///
/// `Operand` is a tensor, or a variable on a tape.
public enum RecurrentDecay<Operand> {
  /// Not at all.
  case none
  /// At a rate of every query head's own that no token changes: its log decays.
  case fixed([Float])
  /// At a rate for every token and query head: log decays `[tokens, queryHeads]`.
  case head(Operand)
  /// At a rate for every token and key channel: log decays `[tokens, queryHeads * keyDim]`.
  case channel(Operand)

  /// Of `head` and `channel`.
  public var operand: Operand? {
    switch self {
    case .none, .fixed: nil
    case .head(let operand), .channel(let operand): operand
    }
  }

  /// The same decay of another operand.
  public func map<Other>(_ transform: (Operand) -> Other) -> RecurrentDecay<Other> {
    switch self {
    case .none: .none
    case .fixed(let logDecays): .fixed(logDecays)
    case .head(let operand): .head(transform(operand))
    case .channel(let operand): .channel(transform(operand))
    }
  }
}

extension RecurrentDecay: Sendable where Operand: Sendable {}

/// What a recurrent operation keeps of the tokens it has seen, whatever their number.
public struct RecurrentState<Operand> {
  /// `S`, `[segments, queryHeads, keyDim, valueDim]`.
  public var sums: Operand
  /// `z`, `[segments, queryHeads, keyDim]`, where outputs are normalised.
  public var normalizer: Operand?

  /// A state of given sums.
  public init(sums: Operand, normalizer: Operand? = nil) {
    self.sums = sums
    self.normalizer = normalizer
  }

  /// The same state of another operand.
  public func map<Other>(_ transform: (Operand) -> Other) -> RecurrentState<Other> {
    RecurrentState<Other>(sums: transform(sums), normalizer: normalizer.map(transform))
  }
}

extension RecurrentState: Sendable where Operand: Sendable {}

extension RecurrentState where Operand == Tensor {
  /// The state before the first token.
  public init(emptyFor shape: RecurrentShape, segments: Int = 1, isNormalized: Bool = false) {
    sums = Tensor(zeros: [segments, shape.queryHeads, shape.keyDim, shape.valueDim])
    normalizer = isNormalized ? Tensor(zeros: [segments, shape.queryHeads, shape.keyDim]) : nil
  }

  func check(_ shape: RecurrentShape, segments: Int, isNormalized: Bool) {
    let dimensions = [segments, shape.queryHeads, shape.keyDim, shape.valueDim]
    precondition(
      sums.shape == Shape(dimensions)
        && normalizer?.shape == (isNormalized ? Shape(dimensions.dropLast()) : nil),
      "state \(sums.shape) and \(String(describing: normalizer?.shape)) for \(segments) segments of \(shape)"
    )
  }
}

/// What a recurrent operation gives back.
public struct RecurrentOutput<Operand> {
  /// `N`, `[tokens, queryHeads * valueDim]`, zero on padding: the outputs, where they are not
  /// normalised.
  public let numerator: Operand
  /// `D`, `[tokens, queryHeads]`, zero on padding, where outputs are normalised: they are `N / D`.
  /// Two branches over disjoint keys join as `(N₁ + N₂) / (D₁ + D₂)`; the log scale of both is 0.
  public let denominator: Operand?
  /// After the last token of every segment.
  public let final: RecurrentState<Operand>

  /// What an operation gives.
  public init(numerator: Operand, denominator: Operand?, final: RecurrentState<Operand>) {
    self.numerator = numerator
    self.denominator = denominator
    self.final = final
  }
}

extension RecurrentOutput: Sendable where Operand: Sendable {}

import TensorCore

/// Heads of an attention: queries are `[tokens, queryHeads * headDim]`, keys and values
/// `[tokens, keyValueHeads * headDim]`; query head `h` reads key and value head
/// `h / (queryHeads / keyValueHeads)`.
public struct AttentionShape: Sendable, Equatable {
  /// Heads of the queries, and of the outputs.
  public let queryHeads: Int
  /// Heads of keys and values, a divisor of the query heads.
  public let keyValueHeads: Int
  /// Coordinates of a head.
  public let headDim: Int
  /// Factor of the query-key products; `1/sqrt(headDim)` unless given.
  public let scale: Float
  /// Bound of the scaled products, `cap tanh(scale q·k / cap)`; nil: none.
  public let softCap: Float?
  /// A query sees the keys up to its own; otherwise every key of its segment, as in an encoder.
  public let isCausal: Bool

  /// The shape of an attention; `scale` is `1/sqrt(headDim)` unless given.
  public init(
    queryHeads: Int, keyValueHeads: Int, headDim: Int, scale: Float? = nil,
    softCap: Float? = nil, isCausal: Bool = true
  ) {
    precondition(
      keyValueHeads > 0 && queryHeads % keyValueHeads == 0,
      "\(queryHeads) query heads cannot share \(keyValueHeads) key-value heads")
    self.queryHeads = queryHeads
    self.keyValueHeads = keyValueHeads
    self.headDim = headDim
    self.scale = scale ?? 1 / Float(headDim).squareRoot()
    self.softCap = softCap
    self.isCausal = isCausal
  }

  /// Makes scores of products `q·k`, but for `scoreFactor`: without a cap they stay as they are, and
  /// the exponential scales them.
  func transformScores(_ products: UnsafeMutablePointer<Float>, _ count: Int) {
    if let softCap { ScoreTransform(scale: scale, cap: softCap).apply(products, count) }
  }

  /// What the numbers of `transformScores` are yet to be multiplied by.
  var scoreFactor: Float { softCap == nil ? scale : 1 }

  /// Makes gradients for products `q·k` of those for scores, but for `productFactor`.
  ///
  /// - Parameter scores: of `transformScores`.
  func backwardScores(
    _ gradient: UnsafeMutablePointer<Float>, scores: UnsafePointer<Float>, _ count: Int
  ) {
    if let softCap {
      ScoreTransform(scale: scale, cap: softCap).backward(gradient, output: scores, count)
    }
  }

  /// What the gradients of `backwardScores` are yet to be multiplied by.
  var productFactor: Float { softCap == nil ? scale : 1 }

  /// Query heads that share one key-value head.
  public var group: Int { queryHeads / keyValueHeads }
  /// Columns of queries and outputs.
  public var queryWidth: Int { queryHeads * headDim }
  /// Columns of keys, and of values.
  public var keyWidth: Int { keyValueHeads * headDim }

  /// Floating-point operations of `softmaxAttention`, forward, a token of a sequence of so many: those
  /// of the products with the keys that it sees. A multiplication and an addition are two.
  ///
  /// - Parameter window: keys that a query sees, itself included; nil: all.
  public func softmaxOperations(window: Int?, length: Int) -> Double {
    let seen = min(window ?? length, length)
    // Each of the first queries sees one key more than the one before, the others the window's.
    let pairs = isCausal ? seen * (seen + 1) / 2 + (length - seen) * seen : length * length
    return 4 * Double(queryWidth) * Double(pairs) / Double(max(1, length))
  }

  func check(queries: Tensor, keys: Tensor, values: Tensor, rows: Int) {
    precondition(
      queries.shape == [rows, queryWidth] && keys.shape == [rows, keyWidth]
        && values.shape == [rows, keyWidth],
      "queries \(queries.shape), keys \(keys.shape), values \(values.shape) for \(self), \(rows) rows"
    )
  }

  func check(window: Int?) {
    precondition(
      isCausal || window == nil, "a window of \(window ?? 0) keys looks back; attention does not")
  }
}

/// Sums per-query-head gradients, `[tokens, queryHeads * headDim]`, over each group:
/// `[tokens, keyValueHeads * headDim]`.
func summedOverGroups(_ x: Tensor, _ shape: AttentionShape) -> Tensor {
  if shape.group == 1 { return x }
  let tokens = x.shape[0]
  var result = Tensor(zeros: [tokens, shape.keyWidth])
  withPointers(writing(&result), x) { result, x in
    WorkerPool.shared.parallelRanges(tokens, minimum: 32) { range in
      for token in range {
        for head in 0..<shape.queryHeads {
          let source = x + (token * shape.queryWidth + head * shape.headDim)
          let target =
            result + (token * shape.keyWidth + head / shape.group * shape.headDim)
          for index in 0..<shape.headDim { target[index] += source[index] }
        }
      }
    }
  }
  return result
}

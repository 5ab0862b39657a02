import TensorCore

/// What a layer's attention read and made in the teacher, over the tokens of a few sequences.
public struct LayerMoments: Sendable, Equatable {
  private var tokens = 0
  private var sums, squares, outputSquares: [Double]

  /// Of no token yet.
  public init(hiddenSize: Int, queryWidth: Int) {
    sums = [Double](repeating: 0, count: hiddenSize)
    squares = sums
    outputSquares = [Double](repeating: 0, count: queryWidth)
  }

  /// Adds tokens, padding apart.
  ///
  /// - Parameters:
  ///   - stream: the layer's normed input, `[tokens, hiddenSize]`.
  ///   - outputs: of the attention, `[tokens, queryHeads * headDim]`.
  public mutating func add(stream: Tensor, outputs: Tensor) {
    tokens += stream.shape[0]
    Self.add(columnSums(stream, width: sums.count), to: &sums)
    Self.add(columnSums(product(stream, stream), width: sums.count), to: &squares)
    Self.add(
      columnSums(product(outputs, outputs), width: outputSquares.count), to: &outputSquares)
  }

  private static func add(_ x: Tensor, to total: inout [Double]) {
    for (index, value) in x.elements.enumerated() { total[index] += Double(value) }
  }

  /// A direction `u` with `u · x = 1` on average over the tokens, along which they differ little: that
  /// of their mean, each channel divided by its variance, `[hiddenSize]`; zeros where the mean is.
  ///
  /// - Precondition: tokens were added.
  public var constantDirection: [Double] {
    precondition(tokens > 0, "moments of no token")
    let means = sums.map { $0 / Double(tokens) }
    let direction = means.indices.map { channel -> Double in
      let square = squares[channel] / Double(tokens)
      let variance = max(0, square - means[channel] * means[channel])
      // A channel that never changes would otherwise be alone.
      let weight = variance + 0.01 * square
      return weight > 0 ? means[channel] / weight : 0
    }
    let size = zip(means, direction).reduce(0) { $0 + $1.0 * $1.1 }
    return size > 0 ? direction.map { $0 / size } : direction
  }

  /// Root mean square of a head's outputs.
  ///
  /// - Parameter heads: all of them.
  /// - Precondition: tokens were added.
  public func outputSize(_ head: Int, of heads: Int) -> Double {
    precondition(tokens > 0, "moments of no token")
    let dim = outputSquares.count / heads
    let sum = outputSquares[head * dim..<(head + 1) * dim].reduce(0, +)
    return (sum / Double(tokens * dim)).squareRoot()
  }
}

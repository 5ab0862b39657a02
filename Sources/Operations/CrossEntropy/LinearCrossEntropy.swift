import CVectorKernels
import TensorCore

/// Target of a position that does not count.
public let ignoredTarget: Int32 = -100

/// Next-token cross-entropy of a frozen head, `−log softmax(t(x Wᵀ))[target]` with its transform t, without ever holding
/// the logits of all tokens.
///
/// - Parameters:
///   - x: `[tokens, width]`, final hidden states.
///   - head: `[vocabulary, width]`.
///   - targets: `[tokens]`, `ignoredTarget` where nothing is predicted.
///   - gradientScale: factor of the gradient of the **sum** of the losses; nil when none is needed.
/// - Returns: the loss of every token (0 where ignored), whether the target was the largest
///   logit, and the gradient for `x`.
public func linearCrossEntropy(
  _ x: Tensor, head: LogitHead, targets: [Int32], gradientScale: Float?
) -> (losses: [Float], isArgmax: [Bool], gradient: Tensor?) {
  var gradient = gradientScale.map { _ in Tensor(zeros: x.shape) }
  let (losses, isArgmax) = crossEntropyTiles(
    x, head: head, targets: targets, gradientScale: gradientScale
  ) { tokens, _, logitGradient in
    if gradient != nil {
      scatterRows(
        frozenLinearInputGradient(logitGradient, head.weights), tokens, into: &gradient!)
    }
  }
  return (losses, isArgmax, gradient)
}

/// The same for a head that is trained: with the gradient for it, `[vocabulary, width]`, summed
/// tile by tile.
public func linearCrossEntropyGradients(
  _ x: Tensor, head: Tensor, transform: ScoreTransform = .identity, targets: [Int32],
  gradientScale: Float
) -> (losses: [Float], gradient: Tensor, headGradient: Tensor) {
  var gradient = Tensor(zeros: x.shape)
  var headGradient = Tensor(zeros: head.shape)
  let (losses, _) = crossEntropyTiles(
    x, head: LogitHead(StoredTensor(head), transform: transform), targets: targets,
    gradientScale: gradientScale
  ) { tokens, hidden, logitGradient in
    scatterRows(matrixProduct(logitGradient, head), tokens, into: &gradient)
    addProduct(logitGradient, hidden, leftTransposed: true, to: &headGradient)
  }
  return (losses, gradient, headGradient)
}

/// Losses, tile by tile of the tokens that count.
///
/// - Parameter visit: called with the tile's tokens, their rows of `x`, and, given a gradient scale,
///   the gradient of the scaled losses for their logits, `[tile, vocabulary]`.
private func crossEntropyTiles(
  _ x: Tensor, head: LogitHead, targets: [Int32], gradientScale: Float?,
  visit: (_ tokens: [Int], _ hidden: Tensor, _ logitGradient: Tensor) -> Void
) -> (losses: [Float], isArgmax: [Bool]) {
  let width = head.shape[1]
  let vocabulary = head.shape[0]
  precondition(
    x.shape == [targets.count, width], "\(x.shape) for \(targets.count) targets, head \(head.shape)"
  )
  let counted = targets.indices.filter { targets[$0] != ignoredTarget }
  var losses = [Float](repeating: 0, count: targets.count)
  var isArgmax = [Bool](repeating: false, count: targets.count)
  let tileTokens = head.tileRows
  for start in stride(from: 0, to: counted.count, by: tileTokens) {
    let tokens = Array(counted[start..<min(start + tileTokens, counted.count)])
    let hidden = embedding(tokens.map(Int32.init), table: StoredTensor(x))
    var logits = head.logits(hidden)
    let results = logits.withMutablePointer { logits in
      WorkerPool.shared.parallelMap(tokens.count) { row in
        let line = logits + row * vocabulary
        return head.transform.withGradient(
          inPlaceOf: line, vocabulary, isWritten: gradientScale != nil
        ) {
          crossEntropy(
            line, vocabulary, target: Int(targets[tokens[row]]), gradientScale: gradientScale)
        }
      }
    }
    for (token, result) in zip(tokens, results) { (losses[token], isArgmax[token]) = result }
    if gradientScale != nil { visit(tokens, hidden, logits) }
  }
  return (losses, isArgmax)
}

/// Of one row of logits, which becomes the gradient for them, given its scale.
private func crossEntropy(
  _ line: UnsafeMutablePointer<Float>, _ vocabulary: Int, target: Int, gradientScale: Float?
) -> (loss: Float, isArgmax: Bool) {
  let logit = line[target]
  let maximum = vk_max(line, vocabulary)
  let total = vk_exp_sum(line, line, vocabulary, 1, maximum)
  if let gradientScale {
    vk_scale(line, line, gradientScale / total, vocabulary)
    line[target] -= gradientScale
  }
  return (logarithm(total) + maximum - logit, logit == maximum)
}

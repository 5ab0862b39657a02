import TensorCore

/// `attentionBlocks` of one head of `[queryHeads, length, length]`.
public func attentionBlocks(
  _ weights: Tensor, head: Int, tokens: Int, size: Int
) -> (map: [Float], side: Int) {
  let length = weights.shape[2]
  return weights.withPointer {
    attentionBlocks($0 + head * length * length, length: length, tokens: tokens, size: size)
  }
}

/// The first `tokens` rows and columns of one head's attention weights, averaged over square blocks
/// of positions so that at most `size` remain on a side. Blocks at the end may be cut short; then
/// the mean is over what they have. Above the diagonal causal attention counts as the zeros it is.
///
/// - Parameter weights: `[length, length]`.
/// - Returns: the map and its side, `⌈tokens / block⌉`, where `block = ⌈tokens / size⌉`.
func attentionBlocks(
  _ weights: UnsafePointer<Float>, length: Int, tokens: Int, size: Int
) -> (map: [Float], side: Int) {
  precondition(0 < tokens && tokens <= length && size > 0, "\(tokens) of \(length), map of \(size)")
  let block = (tokens + size - 1) / size
  let side = (tokens + block - 1) / block
  var map = [Float](repeating: 0, count: side * side)
  for row in 0..<side {
    let queries = row * block..<min(tokens, (row + 1) * block)
    for column in 0..<side {
      let keys = column * block..<min(tokens, (column + 1) * block)
      var sum = 0.0
      for query in queries {
        for key in keys { sum += Double(weights[query * length + key]) }
      }
      map[row * side + column] = Float(sum / Double(queries.count * keys.count))
    }
  }
  return (map, side)
}

import CVectorKernels
import TensorCore

/// Norms below this count as this large, as in PyTorch's `normalize`.
let smallestNorm: Float = 1e-12

/// Every row divided by its Euclidean norm.
///
/// - Parameter x: `[rows, width]`.
public func normalizedRows(_ x: Tensor) -> Tensor { withNorms(x).rows }

/// What is measured of some texts' embeddings and their teacher's.
public struct EmbeddingDistance: Sendable {
  /// `mean_i (1 − cos(sᵢ, tᵢ))`.
  public var cosine: Double
  /// `mean_{i≠j} (cos(sᵢ, sⱼ) − cos(tᵢ, tⱼ))²`; 0 for a single text, and where it is not asked for.
  public var similarities: Double
}

/// Factors of the gradients of both distances.
public struct EmbeddingDistanceWeights: Sendable {
  /// Factor of one minus the cosine.
  public var cosine: Float
  /// nil does not measure the texts' similarities to each other.
  public var similarities: Float?

  /// A factor for each of the two distances.
  public init(cosine: Float = 0, similarities: Float? = nil) {
    self.cosine = cosine
    self.similarities = similarities
  }
}

/// How far embeddings of some texts lie from their teacher's, in directions alone, and the gradient
/// for `s` of the distances, each times its weight. The second distance holds the texts'
/// similarities to each other.
///
/// - Parameters:
///   - student: `s`, `[texts, width]`.
///   - teacher: `t`, `[texts, width]`.
/// - Returns: the distances before weights; the gradient, `[texts, width]`.
public func embeddingDistance(
  _ student: Tensor, _ teacher: Tensor, weights: EmbeddingDistanceWeights
) -> (distance: EmbeddingDistance, gradient: Tensor) {
  precondition(student.shape == teacher.shape, "\(student.shape) against \(teacher.shape)")
  let (count, width) = (student.shape[0], student.shape[1])
  let (own, norms) = withNorms(student)
  let other = normalizedRows(teacher)
  var distance = EmbeddingDistance(cosine: 0, similarities: 0)
  // First for the directions, then for the vectors.
  var gradient = scaled(other, by: -weights.cosine / Float(max(1, count)))
  withPointers(own, other) { own, other in
    for text in 0..<count {
      distance.cosine += 1 - Double(vk_dot(own + text * width, other + text * width, width))
    }
  }
  distance.cosine /= Double(max(1, count))
  if let weight = weights.similarities, count > 1 {
    let pairs = Double(count * (count - 1))
    var difference = matrixProduct(own, own, rightTransposed: true)
    accumulate(
      matrixProduct(other, other, rightTransposed: true), scaledBy: -1, into: &difference)
    var squares = 0.0
    difference.withMutablePointer { difference in
      for text in 0..<count {
        difference[text * count + text] = 0
        squares += Double(vk_dot(difference + text * count, difference + text * count, count))
      }
    }
    distance.similarities = squares / pairs
    if weight != 0 {
      accumulate(
        matrixProduct(difference, own), scaledBy: 4 * weight / Float(pairs), into: &gradient)
    }
  }
  withPointers(writing(&gradient), own) { gradient, own in
    for text in 0..<count {
      let (row, direction) = (gradient + text * width, own + text * width)
      vk_add_scaled(row, direction, -vk_dot(row, direction, width), width)
      vk_scale(row, row, 1 / norms[text], width)
    }
  }
  return (distance, gradient)
}

private func withNorms(_ x: Tensor) -> (rows: Tensor, norms: [Float]) {
  let (count, width) = (x.shape[0], x.shape[1])
  var rows = Tensor(uninitialized: x.shape)
  var norms = [Float](repeating: 0, count: count)
  withPointers(writing(&rows), x) { rows, x in
    for row in 0..<count {
      let source = x + row * width
      norms[row] = max(smallestNorm, vk_dot(source, source, width).squareRoot())
      vk_scale(source, rows + row * width, 1 / norms[row], width)
    }
  }
  return (rows, norms)
}

import CVectorKernels
import TensorCore

/// Norms below this count as this large, as in PyTorch's `normalize`.
let smallestNorm: Float = 1e-12

/// Every row divided by its Euclidean norm.
///
/// - Parameter x: `[rows, width]`.
public func normalizedRows(_ x: Tensor) -> Tensor { withNorms(x).rows }

/// How far embeddings of some texts lie from their teacher's, in directions alone:
/// `mean_i (1 − cos(sᵢ, tᵢ)) + λ mean_{i≠j} (cos(sᵢ, sⱼ) − cos(tᵢ, tⱼ))²`, and its gradient for `s`
/// times `weight`. The second term holds the texts' similarities to each other.
///
/// - Parameters:
///   - student, teacher: `s` and `t`, `[texts, width]`.
///   - similarityWeight: `λ`; the term is 0 for a single text.
public func embeddingDistance(
  _ student: Tensor, _ teacher: Tensor, similarityWeight: Float, weight: Float
) -> (value: Double, gradient: Tensor) {
  precondition(student.shape == teacher.shape, "\(student.shape) against \(teacher.shape)")
  let (count, width) = (student.shape[0], student.shape[1])
  let (own, norms) = withNorms(student)
  let other = normalizedRows(teacher)
  var value = 0.0
  // First for the directions, then for the vectors.
  var gradient = scaled(other, by: -weight / Float(max(1, count)))
  withPointers(own, other) { own, other in
    for text in 0..<count {
      value += 1 - Double(vk_dot(own + text * width, other + text * width, width))
    }
  }
  value /= Double(max(1, count))
  if similarityWeight > 0, count > 1 {
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
    value += Double(similarityWeight) * squares / pairs
    accumulate(
      matrixProduct(difference, own), scaledBy: 4 * weight * similarityWeight / Float(pairs),
      into: &gradient)
  }
  withPointers(writing(&gradient), own) { gradient, own in
    for text in 0..<count {
      let (row, direction) = (gradient + text * width, own + text * width)
      vk_add_scaled(row, direction, -vk_dot(row, direction, width), width)
      vk_scale(row, row, 1 / norms[text], width)
    }
  }
  return (value, gradient)
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

import TensorCore

/// The rows of `x`, made orthogonal one after the other, each of the given length. Computed in
/// Double.
///
/// - Parameter x: `[rows, width]`, no more rows than columns.
public func orthogonalRows(_ x: Tensor, length: Double) -> Tensor {
  precondition(x.shape.rank == 2 && x.shape[0] <= x.shape[1], "\(x.shape)")
  var vectors = x.elements.map(Double.init)
  orthonormalize(&vectors, count: x.shape[0], length: x.shape[1])
  return Tensor(vectors.map { Float(length * $0) }, x.shape)
}

/// Gram–Schmidt, every vector subtracted from all later ones: exact enough in double precision
/// for the normal draws it is used on.
private func orthonormalize(_ vectors: inout [Double], count: Int, length: Int) {
  vectors.withUnsafeMutableBufferPointer { buffer in
    let base = buffer.baseAddress!
    for index in 0..<count {
      let vector = base + index * length
      let norm = dot(vector, vector, length).squareRoot()
      for column in 0..<length { vector[column] /= norm }
      WorkerPool.shared.parallelRanges(count - index - 1, minimum: 16) { range in
        for later in range {
          let other = vector + (later + 1) * length
          let share = dot(vector, other, length)
          for column in 0..<length { other[column] -= share * vector[column] }
        }
      }
    }
  }
}

private func dot(
  _ left: UnsafePointer<Double>, _ right: UnsafePointer<Double>, _ count: Int
) -> Double {
  // Lanes, because a single sum in order does not vectorise.
  var lanes = SIMD8<Double>.zero
  let whole = count & ~7
  for start in stride(from: 0, to: whole, by: 8) {
    lanes +=
      UnsafeRawPointer(left + start).loadUnaligned(as: SIMD8<Double>.self)
      * UnsafeRawPointer(right + start).loadUnaligned(as: SIMD8<Double>.self)
  }
  var total = lanes.sum()
  for index in whole..<count { total += left[index] * right[index] }
  return total
}

import TensorCore

/// Some consecutive rows of `x`, `[rows, width]`, as a tensor of their own.
public func copiedRows(_ x: Tensor, _ range: Range<Int>) -> Tensor {
  precondition(
    x.shape.rank == 2 && range.lowerBound >= 0 && range.upperBound <= x.shape[0],
    "rows \(range) of \(x.shape)")
  let width = x.shape[1]
  var result = Tensor(uninitialized: [range.count, width])
  result.withMutablePointer { result in
    x.withPointer {
      result.update(from: $0 + range.lowerBound * width, count: range.count * width)
    }
  }
  return result
}

/// `[rows, width]`, put together of parts that stand where each says.
///
/// - Precondition: the parts cover every row.
public func joinedRows(_ parts: [(rows: Range<Int>, tensor: Tensor)], rows: Int, width: Int)
  -> Tensor
{
  precondition(
    parts.reduce(0) { $0 + $1.rows.count } == rows
      && parts.allSatisfy { $0.tensor.shape == [$0.rows.count, width] },
    "\(parts.count) parts of \(rows) rows of \(width)")
  var result = Tensor(uninitialized: [rows, width])
  result.withMutablePointer { result in
    for part in parts {
      part.tensor.withPointer {
        (result + part.rows.lowerBound * width).update(from: $0, count: part.rows.count * width)
      }
    }
  }
  return result
}

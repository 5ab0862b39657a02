import TensorCore

/// Some consecutive rows of `x`, `[rows, width]`, as a tensor of their own.
public func copiedRows(_ x: Tensor, _ range: Range<Int>) -> Tensor {
  precondition(
    x.shape.rank == 2 && range.lowerBound >= 0 && range.upperBound <= x.shape[0],
    "rows \(range) of \(x.shape)")
  let width = x.shape[1]
  var result = Tensor(uninitialized: [range.count, width])
  withPointers(writing(&result), x) {
    $0.update(from: $1 + range.lowerBound * width, count: range.count * width)
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

/// Puts rows into their places of `whole`, whose elements divide into rows as wide as those of `x`.
///
/// - Parameter rows: the places, one a row of `x`.
public func scatterRows(_ x: Tensor, _ rows: [Int], into whole: inout Tensor) {
  let width = rows.isEmpty ? 0 : x.count / rows.count
  precondition(
    rows.allSatisfy { $0 >= 0 && ($0 + 1) * width <= whole.count },
    "rows \(rows.min() ?? 0) to \(rows.max() ?? 0) of \(width) in \(whole.shape)")
  withPointers(writing(&whole), x) { whole, x in
    for (position, row) in rows.enumerated() {
      (whole + row * width).update(from: x + position * width, count: width)
    }
  }
}

/// The rows of a matrix as lists, for whoever prints them.
public func listedRows(_ x: Tensor) -> [[Float]] {
  let (elements, width) = (x.elements, x.shape[1])
  return (0..<x.shape[0]).map { Array(elements[$0 * width..<($0 + 1) * width]) }
}

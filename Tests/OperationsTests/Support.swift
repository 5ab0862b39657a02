import TensorCore
import TestSupport

@testable import Operations

func tensor(_ values: [Double], _ shape: Shape) -> Tensor { Tensor(values.map(Float.init), shape) }

func stored(_ values: [Double], _ shape: [Int]) -> StoredTensor {
  StoredTensor(tensor(values, Shape(shape)))
}

/// Columns `head * width ..< (head + 1) * width` of the given rows.
func slice(_ x: [Double], rows: Range<Int>, width: Int, heads: Int, head: Int) -> [Double] {
  rows.flatMap { row in
    (0..<width).map { x[row * heads * width + head * width + $0] }
  }
}

func dot(_ left: [Double], _ right: [Double]) -> Double {
  zip(left, right).reduce(0) { $0 + $1.0 * $1.1 }
}

import TensorCore

/// A tensor of doubles, each of which a float should hold exactly.
public func tensor(_ values: [Double], _ shape: Shape) -> Tensor {
  Tensor(values.map(Float.init), shape)
}

/// The same as weights are stored.
public func stored(_ values: [Double], _ shape: Shape) -> StoredTensor {
  StoredTensor(tensor(values, shape))
}

extension Tensor {
  /// The elements as twins in double precision take them.
  public var doubles: [Double] { elements.map(Double.init) }
}

/// Sum of products.
public func dot(_ left: [Double], _ right: [Double]) -> Double {
  zip(left, right).reduce(0) { $0 + $1.0 * $1.1 }
}

/// Sum of products of what was computed in single precision.
public func dot(_ left: [Float], _ right: [Double]) -> Double {
  zip(left, right).reduce(0) { $0 + Double($1.0) * $1.1 }
}

/// Sum of squares.
public func squares(_ x: [Float]) -> Double { x.reduce(0) { $0 + Double($1) * Double($1) } }

// Pointers of several tensors at once; nested closures past two read worse than what they guard.

/// Calls `body` with the first elements of the tensors, which may be read until it returns.
public func withPointers<Result>(
  _ a: Tensor, _ b: Tensor,
  _ body: (UnsafePointer<Float>, UnsafePointer<Float>) throws -> Result
) rethrows -> Result {
  try a.withPointer { a in try b.withPointer { b in try body(a, b) } }
}

/// Calls `body` with the first elements of the tensors, which may be read until it returns.
public func withPointers<Result>(
  _ a: Tensor, _ b: Tensor, _ c: Tensor,
  _ body: (UnsafePointer<Float>, UnsafePointer<Float>, UnsafePointer<Float>) throws -> Result
) rethrows -> Result {
  try withPointers(a, b) { a, b in try c.withPointer { c in try body(a, b, c) } }
}

/// Calls `body` with the first elements of the tensors, which may be read until it returns.
public func withPointers<Result>(
  _ a: Tensor, _ b: Tensor, _ c: Tensor, _ d: Tensor, _ e: Tensor,
  _ body: (
    UnsafePointer<Float>, UnsafePointer<Float>, UnsafePointer<Float>, UnsafePointer<Float>,
    UnsafePointer<Float>
  ) throws -> Result
) rethrows -> Result {
  try withPointers(a, b, c) { a, b, c in
    try withPointers(d, e) { d, e in try body(a, b, c, d, e) }
  }
}

/// Calls `body` with the first elements of the tensors, which may be written until it returns.
public func withMutablePointers<Result>(
  _ a: inout Tensor, _ b: inout Tensor,
  _ body: (UnsafeMutablePointer<Float>, UnsafeMutablePointer<Float>) throws -> Result
) rethrows -> Result {
  try a.withMutablePointer { a in try b.withMutablePointer { b in try body(a, b) } }
}

/// Calls `body` with the first elements of the tensors, which may be written until it returns.
public func withMutablePointers<Result>(
  _ a: inout Tensor, _ b: inout Tensor, _ c: inout Tensor,
  _ body: (
    UnsafeMutablePointer<Float>, UnsafeMutablePointer<Float>, UnsafeMutablePointer<Float>
  ) throws -> Result
) rethrows -> Result {
  try withMutablePointers(&a, &b) { a, b in try c.withMutablePointer { c in try body(a, b, c) } }
}

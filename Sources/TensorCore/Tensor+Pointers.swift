extension Tensor: PointerSource {
  /// Row-major elements, to be read.
  public var unsafePointer: UnsafePointer<Float> { UnsafePointer(storage.pointer) }

  /// Calls `body` with the first of `count` contiguous elements, which may be read until it
  /// returns.
  public func withPointer<Result>(
    _ body: (UnsafePointer<Float>) throws -> Result
  ) rethrows -> Result {
    try withPointers(self, body: body)
  }

  /// Calls `body` with the first of `count` contiguous elements, which may be written until it
  /// returns. Copies the storage first when another tensor shares it.
  public mutating func withMutablePointer<Result>(
    _ body: (UnsafeMutablePointer<Float>) throws -> Result
  ) rethrows -> Result {
    try withPointers(writing(&self), body: body)
  }
}

extension Optional: PointerSource where Wrapped: PointerSource {
  /// nil where there is nothing to point to.
  @inlinable public var unsafePointer: Wrapped.Pointer? { map { $0.unsafePointer } }
}

extension Array: PointerSource where Element: PointerSource {
  /// A pointer to each.
  // By a key path, not inlined, it took 1.9 µs instead of 0.05: half a kernel on one token.
  @inlinable public var unsafePointer: [Element.Pointer] { map { $0.unsafePointer } }
}

/// A tensor's storage, shared with no other tensor.
public struct WritableTensor: PointerSource {
  private let storage: TensorStorage

  fileprivate init(_ storage: TensorStorage) { self.storage = storage }

  /// Row-major elements, to be written.
  public var unsafePointer: UnsafeMutablePointer<Float> { storage.pointer }
}

/// The tensor as one that `withPointers` may write. Copies its storage first when another tensor
/// shares it.
///
/// - Precondition: the tensor is not used otherwise until `withPointers` returns.
public func writing(_ tensor: inout Tensor) -> WritableTensor {
  tensor.makeUnique()
  return WritableTensor(tensor.storage)
}

/// The same for a tensor that may be absent.
public func writing(_ tensor: inout Tensor?) -> WritableTensor? {
  tensor?.makeUnique()
  return tensor.map { WritableTensor($0.storage) }
}

/// The same for all of a list.
public func writing(_ tensors: inout [Tensor]) -> [WritableTensor] {
  tensors.indices.map { writing(&tensors[$0]) }
}

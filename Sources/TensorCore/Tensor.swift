/// Dimensions of a tensor, outermost first, row-major.
public struct Shape: Sendable, Hashable, CustomStringConvertible, ExpressibleByArrayLiteral {
  /// The extents, outermost first.
  public let dimensions: [Int]

  /// A shape of the given extents, each at least 0.
  public init(_ dimensions: [Int]) {
    precondition(dimensions.allSatisfy { $0 >= 0 }, "negative dimension in \(dimensions)")
    self.dimensions = dimensions
  }

  public init(arrayLiteral elements: Int...) { self.init(elements) }

  /// The number of elements: the product of the dimensions, 1 of no dimensions.
  public var count: Int { dimensions.reduce(1, *) }
  /// The number of dimensions.
  public var rank: Int { dimensions.count }
  /// The extent of an axis; negative axes count from the last, which is -1.
  public subscript(axis: Int) -> Int { dimensions[axis < 0 ? rank + axis : axis] }
  public var description: String { "\(dimensions)" }
}

/// Dense row-major 32-bit floats with value semantics: copies share storage until one is written.
/// Storage comes from, and returns to, `BufferPool`.
public struct Tensor: Sendable {
  /// Extents of the tensor, row-major.
  public private(set) var shape: Shape
  private(set) var storage: TensorStorage

  /// Contents are undefined (NaN in debug builds): for outputs that are written in full.
  public init(uninitialized shape: Shape) {
    self.shape = shape
    storage = TensorStorage(count: shape.count)
  }

  /// A tensor of zeros.
  public init(zeros shape: Shape) { self.init(repeating: 0, shape) }

  /// A tensor of one value.
  public init(repeating value: Float, _ shape: Shape) {
    self.init(uninitialized: shape)
    storage.pointer.update(repeating: value, count: shape.count)
  }

  /// A tensor of the given elements in row-major order, as many as the shape has.
  public init(_ elements: [Float], _ shape: Shape) {
    precondition(elements.count == shape.count, "\(elements.count) elements for \(shape)")
    self.init(uninitialized: shape)
    elements.withUnsafeBufferPointer {
      if let base = $0.baseAddress { storage.pointer.update(from: base, count: $0.count) }
    }
  }

  /// The number of elements.
  public var count: Int { shape.count }

  /// The same elements under another shape of equal count.
  public func reshaped(_ shape: Shape) -> Tensor {
    precondition(shape.count == count, "\(self.shape) cannot be reshaped to \(shape)")
    var tensor = self
    tensor.shape = shape
    return tensor
  }

  /// A copy of the elements in row-major order.
  public var elements: [Float] {
    withPointer { Array(UnsafeBufferPointer(start: $0, count: count)) }
  }

  /// Copies the storage first when another tensor shares it.
  mutating func makeUnique() {
    if !isKnownUniquelyReferenced(&storage) { storage = storage.copy() }
  }
}

/// `@unchecked Sendable`: written only through `writing`, which makes the reference unique
/// first; shared storage is read only.
final class TensorStorage: @unchecked Sendable {
  let pointer: UnsafeMutablePointer<Float>
  let count: Int

  init(count: Int) {
    self.count = count
    pointer = BufferPool.shared.take(count)
  }

  func copy() -> TensorStorage {
    let copy = TensorStorage(count: count)
    copy.pointer.update(from: pointer, count: count)
    return copy
  }

  deinit { BufferPool.shared.give(pointer, count) }
}

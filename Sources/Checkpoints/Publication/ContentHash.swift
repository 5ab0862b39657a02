import TensorCore

/// SHA-256 of named parts that are added one after the other: texts, numbers and tensors, each with
/// its length before it, so that no two sequences of parts have the same bytes.
public struct ContentHash {
  private var hash = SHA256()

  /// Of nothing yet.
  public init() {}

  /// Adds a text.
  public mutating func add(_ name: String, _ text: String) {
    add(header: name, "text", [text.utf8.count])
    text.utf8.withContiguousStorageIfAvailable { hash.update(UnsafeRawBufferPointer($0)) }
      ?? hash.update(Array(text.utf8))
  }

  /// Adds whole numbers.
  public mutating func add(_ name: String, _ numbers: [Int32]) {
    add(header: name, "int32", [numbers.count])
    numbers.withUnsafeBytes { hash.update($0) }
  }

  /// Adds a tensor: its shape, and every bit of its elements.
  public mutating func add(_ name: String, _ tensor: Tensor) {
    add(header: name, "float32", tensor.shape.dimensions)
    tensor.withPointer {
      hash.update(UnsafeRawBufferPointer(UnsafeBufferPointer(start: $0, count: tensor.count)))
    }
  }

  /// Of everything added so far, 64 hexadecimal digits.
  public var hexadecimal: String { hash.hexadecimal }

  private mutating func add(header name: String, _ kind: String, _ sizes: [Int]) {
    let sizes = sizes.map(String.init).joined(separator: " ")
    hash.update(Array("\(name.utf8.count) \(name) \(kind) \(sizes)\n".utf8))
  }
}

import Foundation

/// A tensor as a checkpoint stores it: typically a view of a memory-mapped file that is widened
/// to 32-bit floats when, and as far as, it is used.
///
/// `@unchecked Sendable`: the bytes are never written after the view was made, and `owner` keeps
/// them alive.
public struct StoredTensor: @unchecked Sendable {
  /// How the elements are stored.
  public let elementType: ElementType
  /// Row-major; the last dimension is contiguous in the file.
  public let shape: [Int]
  /// The elements, or blocks of them, row after row.
  public let bytes: UnsafeRawBufferPointer
  /// Keeps `bytes` alive: the mapping of a file, or a buffer.
  private let owner: any AnyObject & Sendable
  /// The owner, where the system pages its bytes.
  var paged: (any PagedBytes)? { owner as? any PagedBytes }
  /// `rowOrder[r]` is the stored row that holds row `r`; `nil` when rows stand in order.
  /// GGUF stores the query and key rows of the llama family permuted.
  public let rowOrder: [Int32]?

  /// - Parameter bytes: exactly the bytes that `shape` and `elementType` need.
  public init(
    elementType: ElementType, shape: [Int], bytes: UnsafeRawBufferPointer,
    owner: any AnyObject & Sendable, rowOrder: [Int32]? = nil
  ) {
    let count = shape.reduce(1, *)
    if let rowOrder {
      let stored = bytes.count / max(1, elementType.bytes(of: shape.last ?? 1))
      precondition(
        shape.count == 2 && rowOrder.count == shape[0]
          && rowOrder.allSatisfy { (0..<stored).contains(Int($0)) },
        "rows of \(shape) out of \(stored) stored ones")
    } else {
      precondition(
        bytes.count == elementType.bytes(of: count),
        "\(bytes.count) bytes for \(shape) of \(elementType.rawValue)")
    }
    precondition(
      (shape.last ?? 1) % elementType.blockLength == 0,
      "rows of \(shape) do not fill blocks of \(elementType.rawValue)")
    self.elementType = elementType
    self.shape = shape
    self.bytes = bytes
    self.owner = owner
    self.rowOrder = rowOrder
  }

  /// The number of elements.
  public var count: Int { shape.reduce(1, *) }
  /// Elements of one row: the last dimension.
  public var rowLength: Int { shape.last ?? 1 }
  /// Rows of `rowLength` elements.
  public var rows: Int { rowLength == 0 ? 0 : count / rowLength }

  /// Some rows of a matrix, in the given order, as a view of the same bytes.
  public func selectingRows(_ selected: [Int32]) -> StoredTensor {
    StoredTensor(
      elementType: elementType, shape: [selected.count, rowLength], bytes: bytes, owner: owner,
      rowOrder: selected.map { row in rowOrder.map { $0[Int(row)] } ?? row })
  }

  /// The rows of matrices one after the other, as a view; nil unless all are rows of one tensor.
  public init?(joiningRows parts: [StoredTensor]) {
    guard let first = parts.first,
      parts.allSatisfy({
        $0.bytes.baseAddress == first.bytes.baseAddress && $0.bytes.count == first.bytes.count
          && $0.elementType == first.elementType && $0.rowLength == first.rowLength
          && $0.shape.count == 2 && $0.rowOrder != nil
      })
    else { return nil }
    let rows = parts.flatMap { $0.rowOrder! }
    self.init(
      elementType: first.elementType, shape: [rows.count, first.rowLength], bytes: first.bytes,
      owner: first.owner, rowOrder: rows)
  }

  /// Widens rows to floats, `[rows.count, rowLength]`, into `output`.
  public func widen(rows: Range<Int>, into output: UnsafeMutablePointer<Float>) {
    precondition(rows.lowerBound >= 0 && rows.upperBound <= self.rows, "rows \(rows) of \(shape)")
    let rowBytes = elementType.bytes(of: rowLength)
    guard let base = bytes.baseAddress else { return }
    if let rowOrder {
      for (position, row) in rows.enumerated() {
        TensorCore.widen(
          elementType, base + Int(rowOrder[row]) * rowBytes, count: rowLength,
          into: output + position * rowLength)
      }
    } else {
      TensorCore.widen(
        elementType, base + rows.lowerBound * rowBytes, count: rows.count * rowLength,
        into: output)
    }
  }

  /// The whole tensor as floats.
  public func widened() -> Tensor {
    var tensor = Tensor(uninitialized: Shape(shape))
    tensor.withMutablePointer { widen(rows: 0..<rows, into: $0) }
    return tensor
  }

  /// The elements in row-major order: of a tensor that is read as configuration, such as the
  /// divisors of rotary frequencies, and takes part in no arithmetic.
  public var numbers: [Float] { widened().elements }
}

extension StoredTensor {
  /// Whether another tensor of the same shape holds the same numbers, whatever the types.
  public func holdsSameValues(as other: StoredTensor) -> Bool {
    precondition(shape == other.shape, "\(shape) and \(other.shape)")
    if elementType == other.elementType, rowOrder == nil, other.rowOrder == nil {
      return bytes.elementsEqualMemory(other.bytes)
    }
    return (0..<rows).allSatisfy { row in
      var pair = Tensor(uninitialized: [2, rowLength])
      pair.withMutablePointer {
        widen(rows: row..<row + 1, into: $0)
        other.widen(rows: row..<row + 1, into: $0 + rowLength)
      }
      return pair.withPointer { numbers in
        (0..<rowLength).allSatisfy { numbers[$0] == numbers[$0 + rowLength] }
      }
    }
  }
}

extension StoredTensor {
  /// The first element, in row-major order, that is infinite or no number.
  public var firstNonFinite: (index: Int, value: Float)? {
    let block = max(1, (1 << 16) / max(1, rowLength))
    var start = 0
    while start < rows {
      let count = min(block, rows - start)
      var values = Tensor(uninitialized: [count, rowLength])
      values.withMutablePointer { widen(rows: start..<start + count, into: $0) }
      let found = values.withPointer { values in
        (0..<count * rowLength).first { !values[$0].isFinite }.map { ($0, values[$0]) }
      }
      if let found { return (start * rowLength + found.0, found.1) }
      start += count
    }
    return nil
  }
}

extension UnsafeRawBufferPointer {
  fileprivate func elementsEqualMemory(_ other: UnsafeRawBufferPointer) -> Bool {
    guard count == other.count, let base = baseAddress, let otherBase = other.baseAddress else {
      return count == other.count
    }
    return memcmp(base, otherBase, count) == 0
  }
}

extension StoredTensor {
  /// A dense tensor in the guise of a stored one: trained weights that are frozen now.
  public init(_ tensor: Tensor) {
    let owner = TensorOwner(tensor)
    self.init(
      elementType: .float32, shape: tensor.shape.dimensions,
      bytes: tensor.withPointer { UnsafeRawBufferPointer(start: $0, count: tensor.count * 4) },
      owner: owner)
  }
}

extension StoredTensor {
  /// Stored elements in memory of their own, as tests and benchmarks make them.
  ///
  /// - Parameter bytes: exactly those that `shape` and `elementType` need.
  public init(elementType: ElementType, shape: [Int], copying bytes: [UInt8]) {
    var storage = Tensor(zeros: [(bytes.count + 3) / 4])
    storage.withMutablePointer {
      UnsafeMutableRawPointer($0).copyMemory(from: bytes, byteCount: bytes.count)
    }
    self.init(
      elementType: elementType, shape: shape,
      bytes: storage.withPointer { UnsafeRawBufferPointer(start: $0, count: bytes.count) },
      owner: TensorOwner(storage))
  }
}

/// Keeps a tensor's storage alive and shared, so that nobody writes it in place.
private final class TensorOwner: Sendable {
  let tensor: Tensor
  init(_ tensor: Tensor) { self.tensor = tensor }
}

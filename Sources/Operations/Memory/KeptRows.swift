import TensorCore

/// Rows of a sequence's tokens, `[count, width]`, the oldest first, in a buffer with room for more.
public struct KeptRows: Sendable {
  /// Rows in use.
  public private(set) var count = 0
  /// Columns of a row.
  public let width: Int
  /// Whether the buffer has one size for every length of the sequence.
  public let isFixed: Bool
  /// `[capacity, width]`; rows from `count` on are of no meaning.
  private(set) var buffer: Tensor

  /// - Parameter capacity: rows of a buffer of fixed size; one that grows with the sequence unless
  ///   given.
  public init(width: Int, capacity: Int? = nil) {
    self.width = width
    isFixed = capacity != nil
    buffer = Tensor(zeros: [max(1, capacity ?? 0), width])
  }

  /// The same rows in storage of their own, without those that are not in use.
  public func copied() -> KeptRows {
    var copy = self
    let count = count * width
    copy.buffer = Tensor(uninitialized: buffer.shape)
    copy.buffer.withMutablePointer { target in
      buffer.withPointer { target.update(from: $0, count: count) }
    }
    return copy
  }

  /// Bytes of a fixed buffer, or of the rows of one that grows.
  public var bytes: Int { (isFixed ? buffer.count : count * width) * MemoryLayout<Float>.stride }

  /// A copy of the rows in use, `[count, width]`.
  public var rows: Tensor { first(count) }

  /// A copy of the oldest rows, `[wanted, width]`.
  func first(_ wanted: Int) -> Tensor {
    precondition((0...count).contains(wanted), "\(wanted) of \(count) rows")
    return copiedRows(buffer, 0..<wanted)
  }

  /// - Parameter rows: `[rows, width]`.
  public mutating func append(_ rows: Tensor) {
    precondition(rows.shape[1] == width, "rows of \(rows.shape) behind rows of \(width)")
    rows.withPointer { append($0, rows: rows.shape[0]) }
  }

  /// - Precondition: a fixed buffer has room for them.
  mutating func append(_ source: UnsafePointer<Float>, rows added: Int) {
    reserve(count + added)
    let start = count * width
    buffer.withMutablePointer { ($0 + start).update(from: source, count: added * width) }
    count += added
  }

  /// Forgets the oldest rows.
  public mutating func dropFirst(_ dropped: Int) {
    precondition((0...count).contains(dropped), "\(dropped) of \(count) rows")
    if dropped == 0 { return }
    let (start, kept) = (dropped * width, (count - dropped) * width)
    buffer.withMutablePointer { $0.update(from: $0 + start, count: kept) }
    count -= dropped
  }

  /// Whether so many rows have room.
  func fits(_ rows: Int) -> Bool { !isFixed || rows <= buffer.shape[0] }
  private mutating func reserve(_ needed: Int) {
    let capacity = buffer.shape[0]
    if needed <= capacity { return }
    precondition(!isFixed, "\(needed) rows in a buffer of \(capacity)")
    var larger = Tensor(uninitialized: [max(needed, 2 * capacity), width])
    let used = count * width
    larger.withMutablePointer { target in
      buffer.withPointer { target.update(from: $0, count: used) }
    }
    buffer = larger
  }
}

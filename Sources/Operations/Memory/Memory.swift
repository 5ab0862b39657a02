import TensorCore

/// What a layer remembers of one sequence that it has read so far: how many tokens, and tensors by
/// name. Two kinds: tensors of one size whatever has been read, and rows of tokens.
///
/// An operation that goes on from a memory changes its tensors in place. So that nothing is copied
/// for that, a memory is held once and handed on `inout`.
public struct Memory: Sendable {
  /// Tokens read.
  public var position: Int
  private var fixed: [(name: String, tensor: Tensor)] = []
  private var kept: [(name: String, rows: KeptRows)] = []

  /// Of a sequence not begun.
  public init() { position = 0 }

  /// Adds a tensor under a name of its own.
  public mutating func add(_ name: String, _ tensor: Tensor) {
    precondition(!names.contains(name), "\"\(name)\" is remembered twice")
    fixed.append((name, tensor))
  }

  /// Adds rows under a name of their own.
  public mutating func add(_ name: String, _ rows: KeptRows) {
    precondition(!names.contains(name), "\"\(name)\" is remembered twice")
    kept.append((name, rows))
  }

  /// A tensor that was added, changed in place.
  public subscript(name: String) -> Tensor {
    get { fixed[index(name)].tensor }
    _modify { yield &fixed[index(name)].tensor }
  }

  /// Rows that were added, changed in place.
  public subscript(rows name: String) -> KeptRows {
    get { kept[rowsIndex(name)].rows }
    _modify { yield &kept[rowsIndex(name)].rows }
  }

  /// A tensor, to be changed in place beside others and put back: until then the name holds nothing.
  public mutating func take(_ name: String) -> Tensor {
    let index = index(name)
    defer { fixed[index].tensor = Tensor(zeros: [0]) }
    return fixed[index].tensor
  }

  /// Rows, to be changed in place beside others and put back: until then the name holds nothing.
  public mutating func take(rows name: String) -> KeptRows {
    let index = rowsIndex(name)
    defer { kept[index].rows = KeptRows(width: kept[index].rows.width) }
    return kept[index].rows
  }

  /// Bytes held now: constant for a student, growing for a key-value cache.
  public var bytes: Int {
    fixed.reduce(0) { $0 + $1.tensor.count } * MemoryLayout<Float>.stride
      + kept.reduce(0) { $0 + $1.rows.bytes }
  }

  /// The same past, to be continued otherwise. It is copied now, without buffers' unused rows, and
  /// not when one of the two goes on.
  public func copied() -> Memory {
    var copy = self
    for index in copy.fixed.indices { copy.fixed[index].tensor.withMutablePointer { _ in } }
    for index in copy.kept.indices { copy.kept[index].rows = kept[index].rows.copied() }
    return copy
  }

  /// Of all tensors, in the order in which they were added: tensors of one size, then rows.
  public var names: [String] { fixed.map(\.name) + kept.map(\.name) }

  /// All that is remembered beside `position`, in the order of `names`, to be written down; rows as
  /// `[count, width]`.
  public var tensors: [(name: String, tensor: Tensor)] {
    fixed + kept.map { ($0.name, $0.rows.rows) }
  }

  /// Takes what another memory of the same mixer held.
  ///
  /// - Parameters:
  ///   - position: of that memory.
  ///   - tensors: its `tensors`, in any order.
  /// - Throws: `MemoryError` when they are not those of this mixer; this memory is then as it was.
  public mutating func restore(position: Int, _ tensors: [(name: String, tensor: Tensor)]) throws {
    let given = Dictionary(tensors.map { ($0.name, $0.tensor) }) { first, _ in first }
    guard tensors.count == names.count, names.allSatisfy({ given[$0] != nil }) else {
      throw MemoryError(found: tensors.map(\.name), expected: names)
    }
    var restored = self
    restored.position = position
    for (index, entry) in fixed.enumerated() {
      let tensor = given[entry.name]!
      guard tensor.shape == entry.tensor.shape else {
        throw MemoryError(
          found: ["\(entry.name) of \(tensor.shape)"],
          expected: ["\(entry.name) of \(entry.tensor.shape)"])
      }
      restored.fixed[index].tensor = tensor
    }
    for (index, entry) in kept.enumerated() {
      let tensor = given[entry.name]!
      guard tensor.shape.rank == 2, tensor.shape[1] == entry.rows.width,
        entry.rows.fits(tensor.shape[0])
      else {
        throw MemoryError(
          found: ["\(entry.name) of \(tensor.shape)"],
          expected: ["\(entry.name) of rows of \(entry.rows.width)"])
      }
      restored.kept[index].rows.dropFirst(entry.rows.count)
      restored.kept[index].rows.append(tensor)
    }
    self = restored
  }

  private func index(_ name: String) -> Int {
    guard let index = fixed.firstIndex(where: { $0.name == name }) else {
      preconditionFailure("no tensor \"\(name)\" is remembered, only \(names)")
    }
    return index
  }

  private func rowsIndex(_ name: String) -> Int {
    guard let index = kept.firstIndex(where: { $0.name == name }) else {
      preconditionFailure("no rows \"\(name)\" are remembered, only \(names)")
    }
    return index
  }
}

/// A written memory that is not of the mixer that is to go on from it.
public struct MemoryError: Error, Equatable, CustomStringConvertible {
  /// Names and shapes of what was written, and of what was to be read.
  public let found, expected: [String]

  public var description: String {
    "a memory of \(found.joined(separator: ", ")), expected \(expected.joined(separator: ", ")); "
      + "it was written by another student or version of the program"
  }
}

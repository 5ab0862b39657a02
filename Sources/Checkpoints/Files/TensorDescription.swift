/// What a checkpoint's header says of one tensor, also of those that hold no weights.
public struct TensorDescription: Sendable, Equatable {
  /// As the file spells it.
  public let name: String
  /// As the format spells it: `BF16`, `Q4_K`, `I64`.
  public let type: String
  /// Row-major, outermost first.
  public let shape: [Int]
  /// Place in the file, in bytes from its start; 0..<0 in HDF5, where chunks lie scattered.
  public let bytes: Range<Int>
  /// The file that holds the tensor.
  public let file: String
}

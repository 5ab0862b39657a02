import Documents
import TensorCore

/// One GGUF file, its header read and every count, length and offset in it checked against the
/// file before it is used.
///
/// https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. The published vulnerabilities of
/// other readers are unchecked counts, lengths and products, and array elements of a wrong type.
public struct GGUFFile: Sendable {
  static let maximumKeys = 65_536
  static let maximumTensors = 65_536
  static let maximumNameBytes = 64
  static let maximumKeyBytes = 65_535
  /// Of all arrays together: four times the largest vocabularies with their merges and scores.
  static let maximumArrayElements = 1 << 22
  /// Of all texts of the metadata, with their lengths: twice the largest `tokenizer.json`.
  static let maximumTextBytes = 1 << 26
  static let maximumAlignment = 1 << 20

  /// The file's bytes.
  public let mapping: MappedFile
  /// Key and value in the order of the file.
  public let metadata: JSONValue
  /// In the order of the file, which is that of their bytes; names as GGUF spells them.
  public let tensors: [TensorDescription]

  /// The file as it was named.
  public var path: String { mapping.path }

  /// - Throws: `CheckpointError`.
  public init(_ path: String) throws(CheckpointError) {
    try self.init(MappedFile(path))
  }

  init(_ mapping: MappedFile) throws(CheckpointError) {
    self.mapping = mapping
    var cursor = GGUFCursor(mapping.bytes, path: mapping.path)
    try Self.checkMagic(&cursor)
    let tensorCount = try cursor.count("number of tensors", of: 24, atMost: Self.maximumTensors)
    let keyCount = try cursor.count("number of metadata keys", of: 13, atMost: Self.maximumKeys)
    let metadata = try Self.metadata(&cursor, count: keyCount)
    let alignment = try Self.alignment(metadata, path: mapping.path)
    tensors = try GGUFTensorTable(&cursor, count: tensorCount, alignment: alignment).tensors
    self.metadata = .object(metadata)
  }

  /// The tensor as weights, in GGUF's row order.
  ///
  /// - Throws: `CheckpointError` when its type cannot be widened.
  public func stored(_ tensor: TensorDescription) throws(CheckpointError) -> StoredTensor {
    guard let type = ElementType(rawValue: tensor.type) else {
      throw CheckpointError(
        path, "tensor \(tensor.name)", found: "elements of type \(tensor.type)",
        expected: "one of \(ElementType.allCases.map(\.rawValue).joined(separator: ", "))",
        remedy: "quantise the model to one of these types")
    }
    return StoredTensor(
      elementType: type, shape: tensor.shape,
      bytes: UnsafeRawBufferPointer(rebasing: mapping.bytes[tensor.bytes]), owner: mapping)
  }

  private static func checkMagic(_ cursor: inout GGUFCursor) throws(CheckpointError) {
    let magic: UInt32 = try cursor.integer("magic")
    guard magic == 0x4655_4747 else {
      throw cursor.failure(
        "magic", at: 0, found: "0x\(String(magic, radix: 16))", expected: "\"GGUF\"",
        remedy: "it is no GGUF file")
    }
    let version: UInt32 = try cursor.integer("version")
    // Version 2 has the same layout.
    guard version == 2 || version == 3 else {
      let isSwapped = version.byteSwapped == 2 || version.byteSwapped == 3
      throw cursor.failure(
        "version", at: 4,
        found: isSwapped ? "\(version.byteSwapped), big-endian" : "\(version)",
        expected: "2 or 3, little-endian", remedy: "convert the model anew")
    }
  }

  private static func metadata(
    _ cursor: inout GGUFCursor, count: Int
  ) throws(CheckpointError) -> JSONObject {
    var metadata = JSONObject()
    var budget = GGUFBudget()
    for index in 0..<count {
      let start = cursor.position
      let key = try cursor.string("metadata key \(index)", atMost: maximumKeyBytes)
      guard !key.isEmpty else {
        throw cursor.failure(
          "metadata key \(index)", at: start, found: "an empty key", expected: "a key")
      }
      guard metadata[key] == nil else {
        throw cursor.failure(
          "metadata key \(index)", at: start, found: "\(key) again", expected: "each key once")
      }
      let type = try cursor.valueType(key)
      metadata[key] = try cursor.value(type, key, &budget)
    }
    return metadata
  }

  private static func alignment(
    _ metadata: JSONObject, path: String
  ) throws(CheckpointError) -> Int {
    guard let value = metadata["general.alignment"] else { return 32 }
    guard case .integer(let alignment) = value, alignment > 0, alignment <= maximumAlignment,
      alignment & (alignment - 1) == 0
    else {
      throw CheckpointError(
        path, "general.alignment", found: value.kindDescription,
        expected: "a power of two from 1 to \(maximumAlignment)")
    }
    return alignment
  }
}

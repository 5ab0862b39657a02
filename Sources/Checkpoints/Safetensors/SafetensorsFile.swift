import Documents
import TensorCore

/// One safetensors file, its header read and every rule of the format checked: the tensors fill
/// the file without gap, overlap or remainder, so that no byte means nothing or two things.
///
/// Beyond the reference reader, repeated names are refused, as the specification demands.
public struct SafetensorsFile: Sendable {
  /// The reference reader's limit.
  static let maximumHeaderBytes = 100_000_000

  /// The file's bytes.
  public let mapping: MappedFile
  /// In the order of their bytes.
  public let tensors: [TensorDescription]
  /// `__metadata__`: an object of strings, empty when absent.
  public let metadata: JSONValue

  /// The file as it was named.
  public var path: String { mapping.path }

  /// - Throws: `CheckpointError`.
  public init(_ path: String) throws(CheckpointError) {
    try self.init(MappedFile(path))
  }

  init(_ mapping: MappedFile) throws(CheckpointError) {
    self.mapping = mapping
    let path = mapping.path
    let bytes = mapping.bytes
    guard bytes.count >= 8 else {
      throw CheckpointError(
        path, "byte 0", found: "a file of \(bytes.count) bytes",
        expected: "8 bytes that give the header's length",
        remedy: "it is truncated, or no safetensors file")
    }
    let headerBytes = UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
    guard headerBytes <= Self.maximumHeaderBytes else {
      throw CheckpointError(
        path, "byte 0 (header length)", found: "\(headerBytes) bytes",
        expected: "at most \(Self.maximumHeaderBytes)", remedy: "it is no safetensors file")
    }
    let dataStart = 8 + Int(headerBytes)
    guard dataStart <= bytes.count else {
      throw CheckpointError(
        path, "byte 0 (header length)",
        found: "a header of \(headerBytes) bytes in a file of \(bytes.count)",
        expected: "at most \(bytes.count - 8)", remedy: "the file is truncated")
    }
    let header = bytes[8..<dataStart]
    guard header.first == UInt8(ascii: "{") else {
      throw CheckpointError(
        path, "byte 8 (header)",
        found: header.first.map { "byte 0x\(String($0, radix: 16))" } ?? "an empty header",
        expected: "'{'")
    }
    try Self.checkExtent(HeaderExtent(header), headerBytes: Int(headerBytes), path: path)
    let document: JSONValue
    do {
      document = try JSONValue(parsing: header, maximumDepth: 8)
    } catch {
      throw CheckpointError(
        path, "byte \(8 + error.offset) (header)", found: error.reason, expected: "strict JSON")
    }
    let parsed = try SafetensorsHeader(
      document, path: path, dataStart: dataStart, dataBytes: bytes.count - dataStart)
    tensors = parsed.tensors
    metadata = parsed.metadata
  }

  /// More tensors than any file has: the largest models are kept in many files.
  static let maximumTensors = 1 << 17

  /// Before anything is made of a header: a document in memory takes ten times its text.
  private static func checkExtent(
    _ extent: HeaderExtent, headerBytes: Int, path: String
  ) throws(CheckpointError) {
    func refuse(_ found: String, _ expected: String) -> CheckpointError {
      CheckpointError(
        path, "byte 0 (header length)", found: found, expected: expected,
        remedy: "the file is damaged, or made to do harm")
    }
    let count = extent.members
    if count > maximumTensors {
      throw refuse("a header of \(count) tensors", "at most \(maximumTensors) in one file")
    }
    let bytes = 8 << 20 + count << 10
    if headerBytes > bytes {
      throw refuse("a header of \(headerBytes) bytes for \(count) tensors", "at most \(bytes)")
    }
    let values = 1 << 18 + 16 * count
    if extent.values > values {
      throw refuse("a header of \(extent.values) values for \(count) tensors", "at most \(values)")
    }
  }

  /// The tensor as weights.
  ///
  /// - Throws: `CheckpointError` when its type holds none.
  public func stored(_ tensor: TensorDescription) throws(CheckpointError) -> StoredTensor {
    guard let type = Self.weightType(tensor.type) else {
      throw CheckpointError(
        path, "tensor \(tensor.name)", found: "elements of type \(tensor.type)",
        expected: "weights of type F32, F16 or BF16",
        remedy: "convert the checkpoint to one of these")
    }
    return StoredTensor(
      elementType: type, shape: tensor.shape,
      bytes: UnsafeRawBufferPointer(rebasing: mapping.bytes[tensor.bytes]), owner: mapping)
  }

  /// `nil` for types that are not read as weights.
  static func weightType(_ spelling: String) -> ElementType? {
    switch spelling {
    case "F32": .float32
    case "F16": .float16
    case "BF16": .bfloat16
    default: nil
    }
  }

  /// Bits of one element; `nil` for a type that is not known here.
  static func bits(_ spelling: String) -> Int? {
    switch spelling {
    case "F4": 4
    case "F6_E2M3", "F6_E3M2": 6
    case "BOOL", "U8", "I8", "F8_E5M2", "F8_E4M3", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ": 8
    case "I16", "U16", "F16", "BF16": 16
    case "I32", "U32", "F32": 32
    case "I64", "U64", "F64", "C64": 64
    default: nil
    }
  }
}

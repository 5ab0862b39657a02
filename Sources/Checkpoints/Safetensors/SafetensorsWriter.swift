import Documents
import Foundation
import TensorCore

/// Writes a model as the Hugging Face libraries do: `model.safetensors`, or shards and the index
/// that says which tensor is in which. Tensors are converted row by row, so that a model larger
/// than the memory can be written.
public struct SafetensorsWriter: Sendable {
  /// What every tensor is converted to: `float32`, `bfloat16` or `float16`, rounding to nearest,
  /// ties to even. `nil` keeps the type of each; quantised ones then become `float32`.
  public let elementType: ElementType?
  /// Bytes of tensors a file holds at most, unless a single tensor has more.
  public let maximumShardBytes: Int
  /// `__metadata__` of every file; readers want `format`.
  public let metadata: [String: String]

  /// A writer; by default types stay, and files hold up to 5 GB.
  public init(
    elementType: ElementType? = nil, maximumShardBytes: Int = 5_000_000_000,
    metadata: [String: String] = ["format": "pt"]
  ) {
    precondition(elementType?.isQuantized != true, "quantised types are not written")
    precondition(maximumShardBytes > 0, "shards of \(maximumShardBytes) bytes")
    self.elementType = elementType
    self.maximumShardBytes = maximumShardBytes
    self.metadata = metadata
  }

  /// A tensor and its name in the file.
  public typealias NamedTensor = (name: String, tensor: StoredTensor)

  /// Writes the files into a folder that exists, each durable before it gets its name, the index
  /// last: until it is there, shards are no model.
  ///
  /// - Parameter tensors: sharded in this order; names differ.
  /// - Returns: names of the written files.
  /// - Throws: `PublicationError` (74), also when the folder holds another set of model files,
  ///   which readers could take for this one.
  @discardableResult
  public func write(_ tensors: [NamedTensor], into folder: String) throws -> [String] {
    precondition(
      Set(tensors.map(\.name)).count == tensors.count
        && tensors.allSatisfy { !$0.name.isEmpty && $0.name != "__metadata__" },
      "names of tensors must differ and mean tensors")
    let shards = shards(of: tensors)
    let names = Self.names(count: shards.count)
    let index = "\(folder)/\(Self.indexName)"
    try Self.refuseOthers(in: folder, than: names)
    if try FileSystem.kind(of: index) != nil {
      try FileSystem.remove(index)
      try FileSystem.synchronize(folder)
    }
    for (name, shard) in zip(names, shards) { try write(shard, to: "\(folder)/\(name)") }
    if shards.count == 1 { return names }
    let text = indexDocument(shards, names).pretty
    try AtomicFile.publish(to: index, write: { try FileSystem.write(Array(text.utf8), to: $0) })
    return names + [Self.indexName]
  }

  // MARK: Shards

  private static let singleName = "model.safetensors"
  private static let indexName = "model.safetensors.index.json"

  private static func names(count: Int) -> [String] {
    if count == 1 { return [singleName] }
    func padded(_ number: Int) -> String {
      let digits = String(number)
      return String(repeating: "0", count: max(0, 5 - digits.count)) + digits
    }
    return (1...count).map { "model-\(padded($0))-of-\(padded(count)).safetensors" }
  }

  private static func refuseOthers(in folder: String, than names: [String]) throws {
    let expected = Set(names)
    let others = try FileSystem.names(in: folder).filter {
      $0.hasPrefix("model") && $0.hasSuffix(".safetensors") && !expected.contains($0)
    }
    if let first = others.first {
      throw PublicationError(
        path: folder,
        message: "found \(others.count) files of another model or division (\(first)), expected "
          + "none; remove them or choose another folder", exitCode: .inputOutput)
    }
  }

  private func shards(of tensors: [NamedTensor]) -> [[NamedTensor]] {
    var shards: [[NamedTensor]] = [[]]
    var filled = 0
    for tensor in tensors {
      let bytes = bytes(of: tensor.tensor)
      if filled + bytes > maximumShardBytes, !shards[shards.count - 1].isEmpty {
        shards.append([])
        filled = 0
      }
      shards[shards.count - 1].append(tensor)
      filled += bytes
    }
    return shards
  }

  private func indexDocument(_ shards: [[NamedTensor]], _ names: [String]) -> JSONValue {
    let size = shards.joined().reduce(0) { $0 + bytes(of: $1.tensor) }
    let places = zip(shards, names).flatMap { shard, name in
      shard.map { (key: $0.name, value: JSONValue.string(name)) }
    }
    let map = JSONObject(places.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) })
    return ["metadata": ["total_size": .integer(size)], "weight_map": .object(map)]
  }

  private func type(of tensor: StoredTensor) -> ElementType {
    elementType ?? (tensor.elementType.isQuantized ? .float32 : tensor.elementType)
  }

  private func bytes(of tensor: StoredTensor) -> Int { type(of: tensor).bytes(of: tensor.count) }

  // MARK: One file

  private func write(_ tensors: [NamedTensor], to path: String) throws {
    // The format's own order: wide elements first, so that all are aligned, then by name.
    let ordered = tensors.sorted {
      let (left, right) = (type(of: $0.tensor).blockBytes, type(of: $1.tensor).blockBytes)
      return left == right
        ? $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) : left > right
    }
    let header = header(of: ordered)
    let size = header.count + ordered.reduce(0) { $0 + bytes(of: $1.tensor) }
    try AtomicFile.publish(to: path, size: size) { write in
      try header.withUnsafeBytes(write)
      for (_, tensor) in ordered {
        try append(tensor, to: write)
        tensor.releasePages()
      }
    }
  }

  /// Its length in 8 bytes, JSON, and spaces up to a multiple of 8.
  private func header(of tensors: [NamedTensor]) -> [UInt8] {
    var object = JSONObject()
    if !metadata.isEmpty {
      let sorted = metadata.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
      object["__metadata__"] = .object(
        JSONObject(sorted.map { (key: $0.key, value: JSONValue.string($0.value)) }))
    }
    var offset = 0
    for (name, tensor) in tensors {
      let end = offset + bytes(of: tensor)
      object[name] = [
        "dtype": .string(type(of: tensor).rawValue),
        "shape": .array(tensor.shape.map { .integer($0) }),
        "data_offsets": [.integer(offset), .integer(end)],
      ]
      offset = end
    }
    var text = Array(JSONValue.object(object).compact.utf8)
    text += [UInt8](repeating: UInt8(ascii: " "), count: (8 - text.count % 8) % 8)
    return UInt64(text.count).littleEndianBytes + text
  }

  private func append(
    _ tensor: StoredTensor, to write: (UnsafeRawBufferPointer) throws -> Void
  ) throws {
    guard tensor.count > 0 else { return }
    if type(of: tensor) == tensor.elementType {
      try tensor.forEachRun(write)
      return
    }
    try tensor.forEachWidenedBlock { block in
      try block.withPointer { floats in
        try append(floats, count: block.count, as: type(of: tensor), to: write)
      }
    }
  }

  private func append(
    _ floats: UnsafePointer<Float>, count: Int, as type: ElementType,
    to write: (UnsafeRawBufferPointer) throws -> Void
  ) throws {
    if type == .float32 {
      try write(UnsafeRawBufferPointer(start: floats, count: count * 4))
      return
    }
    let halves = ByteBuffer(count: count * 2)
    let output = halves.base.bindMemory(to: UInt16.self, capacity: count)
    if type == .bfloat16 {
      narrow(floats, count: count, toBFloat16: output)
    } else {
      narrow(floats, count: count, toFloat16: output)
    }
    try withExtendedLifetime(halves) { try write($0.bytes) }
  }
}

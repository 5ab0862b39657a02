/// Writes GGUF files byte by byte, right or wrong.
struct GGUFBuilder {
  enum Value {
    case uint8(UInt8)
    case int8(Int8)
    case uint16(UInt16)
    case int16(Int16)
    case uint32(UInt32)
    case int32(Int32)
    case float32(Float)
    case bool(UInt8)
    case string(String)
    case stringBytes([UInt8])
    case uint64(UInt64)
    case int64(Int64)
    case float64(Double)
    /// Element type, count as written, bytes of the elements.
    case array(type: UInt32, count: UInt64, bytes: [UInt8])
    /// Type as written, bytes of the value.
    case raw(type: UInt32, bytes: [UInt8])
  }

  struct Tensor {
    var name: String
    var dimensions: [UInt64]
    var type: UInt32 = 0
    var bytes: [UInt8]
    /// Replaces the number of dimensions.
    var rank: UInt32?
    /// Replaces the offset.
    var offset: UInt64?
  }

  var magic: [UInt8] = Array("GGUF".utf8)
  var version: UInt32 = 3
  var keys: [(String, Value)] = []
  var tensors: [Tensor] = []
  var alignment = 32
  /// Replace the counts.
  var tensorCount: UInt64?
  var keyCount: UInt64?
  var trailing: [UInt8] = []
  /// Pads the last tensor too, as writers do.
  var padsEnd = true

  var bytes: [UInt8] {
    var file = magic + Self.little(version)
    file += Self.little(tensorCount ?? UInt64(tensors.count))
    file += Self.little(keyCount ?? UInt64(keys.count))
    for (key, value) in keys {
      file += Self.string(Array(key.utf8)) + Self.encoded(value)
    }
    var offset = 0
    for tensor in tensors {
      file += Self.string(Array(tensor.name.utf8))
      file += Self.little(tensor.rank ?? UInt32(tensor.dimensions.count))
      file += tensor.dimensions.flatMap { Self.little($0) }
      file += Self.little(tensor.type) + Self.little(tensor.offset ?? UInt64(offset))
      offset += padded(tensor.bytes.count)
    }
    guard !tensors.isEmpty else { return file + trailing }
    file += [UInt8](repeating: 0, count: padded(file.count) - file.count)
    for (index, tensor) in tensors.enumerated() {
      file += tensor.bytes
      if index + 1 < tensors.count || padsEnd {
        file += [UInt8](
          repeating: 0, count: padded(tensor.bytes.count) - tensor.bytes.count)
      }
    }
    return file + trailing
  }

  private func padded(_ count: Int) -> Int { (count + alignment - 1) / alignment * alignment }

  static func string(_ bytes: [UInt8]) -> [UInt8] { little(UInt64(bytes.count)) + bytes }

  static func little(_ value: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: value.littleEndian) { Array($0) }
  }

  static func floats(_ values: [Float]) -> [UInt8] { values.flatMap { little($0.bitPattern) } }

  private static func encoded(_ value: Value) -> [UInt8] {
    switch value {
    case .uint8(let value): little(UInt32(0)) + little(value)
    case .int8(let value): little(UInt32(1)) + little(value)
    case .uint16(let value): little(UInt32(2)) + little(value)
    case .int16(let value): little(UInt32(3)) + little(value)
    case .uint32(let value): little(UInt32(4)) + little(value)
    case .int32(let value): little(UInt32(5)) + little(value)
    case .float32(let value): little(UInt32(6)) + little(value.bitPattern)
    case .bool(let value): little(UInt32(7)) + [value]
    case .string(let value): little(UInt32(8)) + string(Array(value.utf8))
    case .stringBytes(let value): little(UInt32(8)) + string(value)
    case .array(let type, let count, let bytes):
      little(UInt32(9)) + little(type) + little(count) + bytes
    case .uint64(let value): little(UInt32(10)) + little(value)
    case .int64(let value): little(UInt32(11)) + little(value)
    case .float64(let value): little(UInt32(12)) + little(value.bitPattern)
    case .raw(let type, let bytes): little(type) + bytes
    }
  }
}

import Documents

/// Reads a GGUF header front to back. Nothing is read beyond the file's end, and no count is
/// believed before the bytes that it would need have been compared with those that are left.
struct GGUFCursor {
  let path: String
  let bytes: UnsafeRawBufferPointer
  private(set) var position = 0

  init(_ bytes: UnsafeRawBufferPointer, path: String) {
    self.bytes = bytes
    self.path = path
  }

  var remaining: Int { bytes.count - position }

  /// - Parameter field: what is read, for the message.
  mutating func integer<Value: FixedWidthInteger>(
    _ field: String, as _: Value.Type = Value.self
  ) throws(CheckpointError) -> Value {
    try require(MemoryLayout<Value>.size, field)
    defer { position += MemoryLayout<Value>.size }
    return Value(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: Value.self))
  }

  /// A count of things that take at least `unit` bytes each in the rest of the file.
  mutating func count(
    _ field: String, of unit: Int, atMost maximum: Int = .max
  ) throws(CheckpointError) -> Int {
    let start = position
    let count: UInt64 = try integer(field)
    let limit = min(maximum, remaining / unit)
    guard count <= UInt64(limit) else {
      let reason = limit == maximum ? "" : ", as \(remaining) bytes of the file are left"
      throw failure(
        field, at: start, found: "\(count)", expected: "at most \(limit)\(reason)",
        remedy: "the file is truncated or damaged")
    }
    return Int(count)
  }

  mutating func string(
    _ field: String, atMost maximum: Int = .max
  ) throws(CheckpointError) -> String {
    let start = position
    let length = try count("length of \(field)", of: 1, atMost: maximum)
    defer { position += length }
    let text = UnsafeRawBufferPointer(rebasing: bytes[position..<(position + length)])
    guard let string = String(validating: text, as: UTF8.self) else {
      throw failure(field, at: start, found: "bytes that are not UTF-8", expected: "UTF-8 text")
    }
    return string
  }

  func failure(
    _ field: String, at offset: Int, found: String, expected: String, remedy: String? = nil
  ) -> CheckpointError {
    CheckpointError(
      path, "byte \(offset) (\(field))", found: found, expected: expected, remedy: remedy)
  }

  private func require(_ count: Int, _ field: String) throws(CheckpointError) {
    guard count <= remaining else {
      throw failure(
        field, at: position, found: "the file's end after \(remaining) bytes",
        expected: "\(count) bytes", remedy: "the file is truncated")
    }
  }
}

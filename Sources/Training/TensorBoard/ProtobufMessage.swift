import Documents

/// A protobuf message being encoded, field by field in ascending order of their numbers.
///
/// As proto3 has it, a plain field that is zero or empty is left out; a member of a `oneof` is written
/// whatever its value.
struct ProtobufMessage {
  private enum WireType: UInt64 {
    case varint = 0
    case fixed64 = 1
    case lengthDelimited = 2
    case fixed32 = 5
  }

  private(set) var bytes: [UInt8] = []

  mutating func set(_ field: Int, _ value: Int) {
    if value == 0 { return }
    key(field, .varint)
    varint(UInt64(bitPattern: Int64(value)))
  }

  mutating func set(_ field: Int, _ value: Double) {
    if value.bitPattern == 0 { return }
    key(field, .fixed64)
    bytes += value.bitPattern.littleEndianBytes
  }

  mutating func set(_ field: Int, _ text: String) {
    if !text.isEmpty { setMember(field, text) }
  }

  mutating func setMember(_ field: Int, _ value: Float) {
    key(field, .fixed32)
    bytes += value.bitPattern.littleEndianBytes
  }

  mutating func setMember(_ field: Int, _ text: String) { setMember(field, Array(text.utf8)) }

  mutating func setMember(_ field: Int, _ message: ProtobufMessage) {
    setMember(field, message.bytes)
  }

  private mutating func setMember(_ field: Int, _ content: [UInt8]) {
    key(field, .lengthDelimited)
    varint(UInt64(content.count))
    bytes += content
  }

  private mutating func key(_ field: Int, _ type: WireType) {
    varint(UInt64(field) << 3 | type.rawValue)
  }

  private mutating func varint(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }
}

import Documents
import Foundation

@testable import Training

/// Reads an event file as TensorBoard does: until the first record that is not whole or whose
/// checksums are wrong. A reader of its own, so that the writer is not held against itself.
struct EventReader {
  struct Entry: Equatable {
    var wallTime = 0.0
    var step = 0
    var version: String?
    var isSessionStart = false
    var scalars: [String: Float] = [:]
  }

  /// A field of a message: its number, and its value's bytes.
  private typealias Field = (number: Int, bytes: ArraySlice<UInt8>)

  static func entries(_ bytes: [UInt8]) -> [Entry] {
    var entries: [Entry] = []
    var rest = bytes[...]
    while rest.count >= 12 {
      let length = Int(truncatingIfNeeded: integer(rest.prefix(8)))
      guard UInt32(integer(rest.dropFirst(8).prefix(4))) == CRC32C.masked(rest.prefix(8)),
        rest.count >= 12 + length + 4
      else { break }
      let message = rest.dropFirst(12).prefix(length)
      guard UInt32(integer(rest.dropFirst(12 + length).prefix(4))) == CRC32C.masked(message) else {
        break
      }
      entries.append(entry(message))
      rest = rest.dropFirst(12 + length + 4)
    }
    return entries
  }

  static func entries(ofFile path: String) throws -> [Entry] {
    entries(Array(try Data(contentsOf: URL(fileURLWithPath: path))))
  }

  /// Value of a tag by step in the files of a folder, in the order of their names, without what a
  /// session's start made void.
  static func values(_ tag: String, inFolder folder: String) throws -> [Int: Float] {
    var values: [Int: Float] = [:]
    for name in try FileManager.default.contentsOfDirectory(atPath: folder).sorted() {
      for entry in try entries(ofFile: "\(folder)/\(name)") {
        if entry.isSessionStart { values = values.filter { $0.key < entry.step } }
        if let value = entry.scalars[tag] { values[entry.step] = value }
      }
    }
    return values
  }

  private static func entry(_ message: ArraySlice<UInt8>) -> Entry {
    var entry = Entry()
    for field in fields(message) {
      switch field.number {
      case 1: entry.wallTime = Double(bitPattern: integer(field.bytes))
      case 2: entry.step = Int(bitPattern: UInt(integer(field.bytes)))
      case 3: entry.version = String(decoding: field.bytes, as: UTF8.self)
      case 5:
        for value in fields(field.bytes) {
          let parts = fields(value.bytes)
          let tag = String(decoding: parts[0].bytes, as: UTF8.self)
          entry.scalars[tag] = Float(bitPattern: UInt32(integer(parts[1].bytes)))
        }
      case 7: entry.isSessionStart = fields(field.bytes).map { integer($0.bytes) } == [1]
      default: break
      }
    }
    return entry
  }

  private static func fields(_ message: ArraySlice<UInt8>) -> [Field] {
    var fields: [Field] = []
    var rest = message
    while !rest.isEmpty {
      let key = varint(&rest)
      let length: Int
      switch key & 7 {
      case 0:
        let value = varint(&rest)
        fields.append((Int(key >> 3), value.littleEndianBytes[...]))
        continue
      case 1: length = 8
      case 5: length = 4
      default: length = Int(varint(&rest))
      }
      fields.append((Int(key >> 3), rest.prefix(length)))
      rest = rest.dropFirst(length)
    }
    return fields
  }

  private static func varint(_ bytes: inout ArraySlice<UInt8>) -> UInt64 {
    var value: UInt64 = 0
    var shift = 0
    while let byte = bytes.popFirst() {
      value |= UInt64(byte & 0x7F) << shift
      if byte & 0x80 == 0 { break }
      shift += 7
    }
    return value
  }

  private static func integer(_ bytes: ArraySlice<UInt8>) -> UInt64 {
    bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }
}

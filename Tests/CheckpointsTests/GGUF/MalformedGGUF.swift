/// Files that must be refused, and words of the message that say where and why.
extension GGUFFileTests {
  static let valid: GGUFBuilder = {
    var builder = GGUFBuilder()
    builder.keys = [
      ("general.architecture", .string("llama")), ("n", .uint32(7)),
      ("list", .array(type: 4, count: 2, bytes: [1, 0, 0, 0, 2, 0, 0, 0])),
    ]
    builder.tensors = [
      .init(name: "x", dimensions: [2], bytes: GGUFBuilder.floats([1, 2])),
      .init(name: "y", dimensions: [32], type: 8, bytes: [UInt8](repeating: 1, count: 34)),
    ]
    return builder
  }()

  static let malformedFiles: [(name: String, bytes: [UInt8], words: [String])] = [
    // The file as a whole.
    ("empty file", [], ["byte 0", "magic"]),
    ("wrong magic", changed { $0.magic = Array("GGML".utf8) }, ["byte 0", "no GGUF file"]),
    ("safetensors", Array("\u{8}\0\0\0\0\0\0\0{}      ".utf8), ["magic"]),
    ("version 0", changed { $0.version = 0 }, ["byte 4", "version"]),
    ("version 1", changed { $0.version = 1 }, ["version", "found 1"]),
    ("version 4", changed { $0.version = 4 }, ["version", "found 4"]),
    ("big-endian", changed { $0.version = UInt32(3).byteSwapped }, ["big-endian"]),
    ("tensors beyond the file", changed { $0.tensorCount = .max }, ["byte 8", "tensors"]),
    ("tensors beyond the cap", changed { $0.tensorCount = 70_000 }, ["number of tensors"]),
    ("one tensor too many", changed { $0.tensorCount = 3 }, ["tensor"]),
    ("one tensor too few", changed { $0.tensorCount = 1 }, ["end of the data"]),
    ("keys beyond the file", changed { $0.keyCount = .max }, ["byte 16", "metadata keys"]),
    ("keys wrap", changed { $0.keyCount = 1 << 60 }, ["metadata keys"]),
    ("one key too many", changed { $0.keyCount = 4 }, ["name of tensor 0"]),
    ("one key too few", changed { $0.keyCount = 2 }, ["dimensions of tensor list"]),
    ("trailing byte", changed { $0.trailing = [0] }, ["1 bytes more", "belong to nothing"]),
    ("file twice", valid.bytes + valid.bytes, ["belong to nothing"]),
    (
      "trailing bytes without tensors",
      changed {
        $0.tensors = []
        $0.trailing = [UInt8](repeating: 0, count: 64)
      }, ["end of the data"]
    ),
    // Metadata.
    ("empty key", key("", .uint8(1)), ["an empty key"]),
    ("key twice", key("n", .uint8(1)), ["n again"]),
    ("key not UTF-8", rawKey([0xFF, 0xFE]), ["not UTF-8"]),
    ("key longer than the file", keyLength(1 << 40), ["length of metadata key"]),
    ("key of 2^64-1 bytes", keyLength(.max), ["length of metadata key"]),
    ("key too long", rawKey([UInt8](repeating: 0x61, count: 65_536)), ["at most 65535"]),
    ("unknown value type", key("k", .raw(type: 13, bytes: [0])), ["type of k", "found 13"]),
    ("value type 2^32-1", key("k", .raw(type: .max, bytes: [0])), ["type of k"]),
    ("boolean 2", key("k", .bool(2)), ["the boolean 2"]),
    ("text not UTF-8", key("k", .stringBytes([0xC3])), ["(k)", "not UTF-8"]),
    (
      "text longer than the file",
      key("k", .raw(type: 8, bytes: GGUFBuilder.little(UInt64(1) << 62))), ["length of k"]
    ),
    ("array of arrays", key("k", .array(type: 9, count: 0, bytes: [])), ["arrays in an array"]),
    (
      "array of unknown type", key("k", .array(type: 99, count: 1, bytes: [0])),
      ["elements of k", "found 99"]
    ),
    ("array beyond the file", key("k", .array(type: 4, count: 1 << 30, bytes: [])), ["(elements"]),
    ("array wraps", key("k", .array(type: 12, count: 1 << 61, bytes: [])), ["elements of k"]),
    (
      "array of text beyond the file", key("k", .array(type: 8, count: 1 << 20, bytes: [])),
      ["elements of k"]
    ),
    (
      "array with a boolean 3", key("k", .array(type: 7, count: 2, bytes: [1, 3])),
      ["k[1]", "the boolean 3"]
    ),
    ("alignment 0", aligned(.uint32(0)), ["general.alignment", "the integer 0"]),
    ("alignment 48", aligned(.uint32(48)), ["general.alignment", "48"]),
    ("alignment 2 MiB", aligned(.uint32(1 << 21)), ["general.alignment", "1048576"]),
    ("alignment 2^64-1", aligned(.uint64(.max)), ["general.alignment"]),
    ("negative alignment", aligned(.int32(-32)), ["general.alignment", "-32"]),
    ("alignment as text", aligned(.string("32")), ["general.alignment", "the string"]),
    ("another alignment", aligned(.uint32(64)), ["offset of tensor y", "expected 64"]),
    // Tensors.
    ("empty tensor name", tensor { $0.name = "" }, ["an empty name"]),
    ("tensor name twice", tensor { $0.name = "x" }, ["the name x again"]),
    (
      "tensor name too long", tensor { $0.name = String(repeating: "n", count: 65) },
      ["name of tensor 1", "at most 64"]
    ),
    ("no dimensions", tensor { $0.rank = 0 }, ["dimensions of tensor y", "found 0"]),
    ("five dimensions", tensor { $0.dimensions = [32, 1, 1, 1, 1] }, ["found 5", "1 to 4"]),
    ("2^32-1 dimensions", tensor { $0.rank = .max }, ["dimensions of tensor y"]),
    ("dimension 2^63", tensor { $0.dimensions = [32, 1 << 63] }, ["dimension 1 of tensor y"]),
    (
      "product wraps", tensor { $0.dimensions = [1 << 32, 1 << 32] },
      ["dimension 1 of tensor y", "63 bits"]
    ),
    (
      "product wraps to 32", tensor { $0.dimensions = [32, (1 << 59) + 1, 32] }, ["63 bits"]
    ),
    (
      "bytes wrap",
      tensor {
        $0.type = 0
        $0.dimensions = [1 << 61]
      }, ["size in bytes"]
    ),
    ("row not of whole blocks", tensor { $0.dimensions = [33] }, ["33", "multiple of the 32"]),
    ("unknown tensor type", tensor { $0.type = 42 }, ["type of tensor y", "found 42"]),
    ("removed tensor type", tensor { $0.type = 4 }, ["type of tensor y", "found 4"]),
    ("tensor type 2^32-1", tensor { $0.type = .max }, ["type of tensor y"]),
    ("overlapping offset", tensor { $0.offset = 0 }, ["offset of tensor y", "found 0"]),
    ("gap before a tensor", tensor { $0.offset = 64 }, ["offset of tensor y", "found 64"]),
    ("misaligned offset", tensor { $0.offset = 33 }, ["offset of tensor y", "found 33"]),
    ("offset 2^64-1", tensor { $0.offset = .max }, ["offset of tensor y"]),
    (
      "tensor larger than the file", tensor { $0.dimensions = [64, 64] }, ["tensor y", "truncated"]
    ),
    (
      "tensor smaller than its bytes", tensor { $0.bytes += [UInt8](repeating: 0, count: 64) },
      [
        "bytes more"
      ]
    ),
  ]

  private static func changed(_ change: (inout GGUFBuilder) -> Void) -> [UInt8] {
    var builder = valid
    change(&builder)
    return builder.bytes
  }

  private static func key(_ key: String, _ value: GGUFBuilder.Value) -> [UInt8] {
    changed { $0.keys.append((key, value)) }
  }

  private static func aligned(_ value: GGUFBuilder.Value) -> [UInt8] {
    key("general.alignment", value)
  }

  /// A first key of these bytes.
  private static func rawKey(_ key: [UInt8]) -> [UInt8] {
    let header = Array("GGUF".utf8) + GGUFBuilder.little(UInt32(3))
    let counts = GGUFBuilder.little(UInt64(0)) + GGUFBuilder.little(UInt64(1))
    return header + counts + GGUFBuilder.string(key) + GGUFBuilder.little(UInt32(0)) + [1]
  }

  private static func keyLength(_ length: UInt64) -> [UInt8] {
    var bytes = rawKey([0x61])
    bytes.replaceSubrange(24..<32, with: GGUFBuilder.little(length))
    return bytes
  }

  /// Changes the last tensor.
  private static func tensor(_ change: (inout GGUFBuilder.Tensor) -> Void) -> [UInt8] {
    changed { change(&$0.tensors[1]) }
  }
}

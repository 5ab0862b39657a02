/// Files that must be refused, and words of the message that say where and why.
extension SafetensorsFileTests {
  static let malformedFiles: [(name: String, bytes: [UInt8], words: [String])] = [
    // The length of the header.
    ("empty file", [], ["byte 0", "a file of 0 bytes"]),
    ("seven bytes", [UInt8](repeating: 0, count: 7), ["a file of 7 bytes"]),
    ("header of 0 bytes", length(0, Array("{}".utf8)), ["byte 8", "an empty header"]),
    ("header beyond the file", length(3, Array("{}".utf8)), ["header of 3 bytes", "truncated"]),
    ("header over 100 MB", length(100_000_001, Array("{}".utf8)), ["at most 100000000"]),
    ("header of 2^63 bytes", length(1 << 63, Array("{}".utf8)), ["header length"]),
    ("header of 2^64-1 bytes", length(.max, Array("{}".utf8)), ["header length"]),
    ("header cut short", length(30, Array(one.utf8) + eight), ["byte 38", "strict JSON"]),
    ("GGUF", Array("GGUF".utf8) + [3, 0, 0, 0, 0, 0], ["header length"]),
    // Its text.
    ("leading space", file(" {}", []), ["byte 8", "byte 0x20", "'{'"]),
    ("array", file("[]", []), ["byte 0x5b"]),
    ("null bytes for padding", file("{}\0\0", []), ["strict JSON", "byte 10"]),
    ("not UTF-8", [5, 0, 0, 0, 0, 0, 0, 0] + Array("{\"".utf8) + [0xFF, 0x22, 0x7D], ["UTF-8"]),
    ("comma at the end", file(#"{"x":1,}"#, []), ["strict JSON"]),
    ("comment", file("{/**/}", []), ["strict JSON"]),
    ("text after the object", file("{} x", []), ["after the end"]),
    ("two objects", file("{}{}", []), ["after the end"]),
    (
      "deep nesting", file(#"{"x":"# + String(repeating: "[", count: 10_000) + "}", []),
      ["nested deeper"]
    ),
    (
      "name twice",
      file(
        "{" + entry("x", "F32", "[1]", "[0,4]") + "," + entry("x", "I8", "[4]", "[0,4]") + "}", four
      ),
      ["given twice"]
    ),
    (
      "field twice", tensor(#""dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]"#),
      [
        "given twice"
      ]
    ),
    // Metadata.
    ("metadata of numbers", file(#"{"__metadata__":{"a":1}}"#, []), ["__metadata__.a"]),
    ("metadata as an array", file(#"{"__metadata__":[]}"#, []), ["__metadata__", "an array"]),
    ("metadata twice", file(#"{"__metadata__":{},"__metadata__":{}}"#, []), ["given twice"]),
    // Entries.
    ("empty name", file("{" + entry("", "F32", "[2]", "[0,8]") + "}", eight), ["an empty name"]),
    ("entry as a number", file(#"{"x":1}"#, []), [#"tensor "x""#, "the integer 1"]),
    ("no dtype", tensor(#""shape":[2],"data_offsets":[0,8]"#), [".dtype", "nothing"]),
    ("dtype as a number", tensor(#""dtype":1,"shape":[2],"data_offsets":[0,8]"#), [".dtype"]),
    ("no shape", tensor(#""dtype":"F32","data_offsets":[0,8]"#), [".shape", "nothing"]),
    ("no offsets", tensor(#""dtype":"F32","shape":[2]"#), [".data_offsets", "nothing"]),
    ("shape as a number", of("F32", "2", "[0,8]"), [".shape", "the integer 2"]),
    ("negative dimension", of("F32", "[-2]", "[0,8]"), [".shape[0]", "-2"]),
    ("fractional dimension", of("F32", "[2.0]", "[0,8]"), [".shape[0]"]),
    ("dimension as text", of("F32", #"["2"]"#, "[0,8]"), [".shape[0]"]),
    ("dimension 2^64", of("F32", "[18446744073709551616]", "[0,8]"), [".shape[0]"]),
    ("product wraps", of("F32", "[4294967296,4294967296]", "[0,8]"), [".shape", "64 bits"]),
    ("product wraps to 2", of("F32", "[2,9223372036854775807]", "[0,8]"), ["64 bits"]),
    ("bits wrap", of("F32", "[2305843009213693952]", "[0,8]"), ["64 bits"]),
    ("hidden wrap", of("F32", "[4294967296,4294967296,0]", "[0,0]"), ["64 bits"]),
    // Offsets.
    ("one offset", of("F32", "[2]", "[0]"), [".data_offsets", "[0]"]),
    ("three offsets", of("F32", "[2]", "[0,8,8]"), [".data_offsets", "[0,8,8]"]),
    ("end before begin", of("F32", "[2]", "[8,0]"), [".data_offsets", "[8,0]"]),
    ("negative offset", of("F32", "[2]", "[-8,0]"), [".data_offsets[0]"]),
    ("fractional offset", of("F32", "[2]", "[0,8.5]"), [".data_offsets[1]"]),
    ("end of 2^63-1", of("F32", "[2]", "[0,9223372036854775807]"), ["inside the file"]),
    ("end beyond the file", of("F32", "[4]", "[0,16]"), ["truncated"]),
    ("more bytes than the shape", of("F32", "[1]", "[0,8]"), ["8 bytes", "the 4 bytes of [1]"]),
    ("fewer bytes than the shape", of("F32", "[3]", "[0,8]"), ["the 12 bytes of [3]"]),
    ("half a byte", of("F4", "[3]", "[0,1]"), ["of F4"]),
    ("gap at the start", of("F32", "[1]", "[4,8]"), ["leaves a gap", "expected 0"]),
    ("bytes that no tensor has", of("F32", "[1]", "[0,4]"), ["belong to nothing"]),
    ("bytes without tensors", file("{}", eight), ["belong to nothing"]),
    ("gap", two("[0,2]", "[3,5]"), ["leaves a gap", "expected 2"]),
    ("overlap", two("[0,4]", "[2,6]", "[4]", "[4]"), ["overlaps", "expected 4"]),
    ("the same bytes twice", two("[0,4]", "[0,4]", "[4]", "[4]"), ["overlaps"]),
  ]

  private static let four: [UInt8] = [0, 0, 0, 0]
  private static let eight = four + four
  private static let one = #"{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#

  private static func length(_ count: UInt64, _ rest: [UInt8]) -> [UInt8] {
    GGUFBuilder.little(count) + rest
  }

  private static func entry(
    _ name: String, _ type: String, _ shape: String, _ offsets: String
  ) -> String {
    #""\#(name)":{"dtype":"\#(type)","shape":\#(shape),"data_offsets":\#(offsets)}"#
  }

  /// One tensor before 8 bytes of data.
  private static func tensor(_ fields: String) -> [UInt8] { file(#"{"x":{\#(fields)}}"#, eight) }

  private static func of(_ type: String, _ shape: String, _ offsets: String) -> [UInt8] {
    file("{" + entry("x", type, shape, offsets) + "}", eight)
  }

  /// Two tensors of bytes before 8 bytes of data.
  private static func two(
    _ first: String, _ second: String, _ shape: String = "[2]", _ otherShape: String = "[2]"
  ) -> [UInt8] {
    let entries = entry("x", "U8", shape, first) + "," + entry("y", "U8", otherShape, second)
    return file("{\(entries)}", eight)
  }
}

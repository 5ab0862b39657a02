import Documents
import Testing

@testable import Checkpoints

struct GGUFFileTests {
  @Test func `Metadata of every type are read in the order of the file`() throws {
    var builder = GGUFBuilder()
    builder.keys = [
      ("z", .uint8(200)), ("a", .int8(-3)), ("b", .uint16(60_000)), ("c", .int16(-30_000)),
      ("d", .uint32(4_000_000_000)), ("e", .int32(-5)), ("f", .float32(1e-5)), ("g", .bool(1)),
      ("h", .string("é\n")), ("i", .uint64(.max)), ("j", .int64(.min)), ("k", .float64(0.1)),
      ("l", .array(type: 4, count: 2, bytes: [1, 0, 0, 0, 2, 0, 0, 0])),
      ("m", .array(type: 8, count: 1, bytes: GGUFBuilder.string([0x61]))),
      ("n", .array(type: 7, count: 0, bytes: [])),
    ]
    let metadata = try read(builder).metadata
    let expected: JSONValue = [
      "z": 200, "a": -3, "b": 60_000, "c": -30_000, "d": 4_000_000_000, "e": -5, "f": 1e-5,
      "g": true, "h": "é\n", "i": .number(Double(UInt64.max)), "j": .integer(.min), "k": 0.1,
      "l": [1, 2], "m": ["a"], "n": [],
    ]
    #expect(metadata == expected)
    #expect(metadata.objectValue?.keys == expected.objectValue?.keys)
  }

  @Test func `Tensors are described with the contiguous dimension last, and their bytes found`()
    throws
  {
    var builder = GGUFBuilder()
    builder.tensors = [
      .init(name: "x", dimensions: [2, 3], bytes: GGUFBuilder.floats([1, 2, 3, 4, 5, 6])),
      .init(name: "y", dimensions: [4], type: 30, bytes: [0, 0x3F, 0x80, 0x3F, 0, 0x40, 0, 0xC0]),
    ]
    let file = try read(builder)
    #expect(file.tensors.map(\.name) == ["x", "y"])
    #expect(file.tensors.map(\.shape) == [[3, 2], [4]])
    #expect(file.tensors.map(\.type) == ["F32", "BF16"])
    #expect(try file.stored(file.tensors[0]).widened().elements == [1, 2, 3, 4, 5, 6])
    #expect(try file.stored(file.tensors[1]).widened().elements == [0.5, 1, 2, -2])
  }

  @Test(arguments: ["unpadded", "aligned", "old", "empty", "wide"])
  func `Valid variants are accepted`(name: String) throws {
    var builder = Self.valid
    switch name {
    case "unpadded": builder.padsEnd = false
    case "aligned":
      builder.alignment = 1024
      builder.keys.append(("general.alignment", .uint32(1024)))
    case "old": builder.version = 2
    case "empty": builder = GGUFBuilder()
    default: builder.tensors[0].dimensions = [1, 1, 2, 1]
    }
    #expect(try read(builder).tensors.count == builder.tensors.count)
  }

  @Test(arguments: GGUFFileTests.malformedFiles.map(\.name))
  func `What no reader may trust is refused with its place`(name: String) throws {
    let (_, bytes, words) = try #require(Self.malformedFiles.first { $0.name == name })
    let folder = try TemporaryFolder()
    let path = folder.file("model.gguf")
    try write(bytes, to: path)
    let error = try #require(throws: CheckpointError.self) { try GGUFFile(path) }
    #expect(error.exitCode == .badData)
    for word in words + [path] {
      #expect(error.description.contains(word), "\(error) lacks \(word)")
    }
  }

  @Test func `A file cut off anywhere is refused`() throws {
    var builder = Self.valid
    builder.padsEnd = false
    let bytes = builder.bytes
    let folder = try TemporaryFolder()
    let path = folder.file("model.gguf")
    for length in 0..<bytes.count {
      try write(Array(bytes[..<length]), to: path)
      let error = try #require(throws: CheckpointError.self, "\(length) bytes") {
        try GGUFFile(path)
      }
      #expect(error.exitCode == .badData)
      #expect(error.description.contains("byte "))
    }
  }

  @Test func `A bit flipped in the header is refused or changes no more than it says`() throws {
    let original = Self.valid.bytes
    let folder = try TemporaryFolder()
    let path = folder.file("model.gguf")
    var refused = 0
    for bit in 0..<(original.count * 8) {
      var bytes = original
      bytes[bit / 8] ^= 1 << (bit % 8)
      try write(bytes, to: path)
      do throws(CheckpointError) {
        let file = try GGUFFile(path)
        for tensor in file.tensors where tensor.bytes.upperBound > bytes.count {
          Issue.record("bit \(bit): \(tensor) lies outside of the file")
        }
      } catch {
        #expect(error.exitCode == .badData)
        refused += 1
      }
    }
    // What passes are changed names, text, numbers and padding.
    #expect(refused > original.count * 8 / 4)
  }

  @Test
  func `An array that would take more memory than any vocabulary is refused before it is read`()
    throws
  {
    var builder = GGUFBuilder()
    let half = GGUFFile.maximumArrayElements / 2 + 1
    let bytes = [UInt8](repeating: 1, count: half)
    builder.keys = [
      ("a", .array(type: 0, count: UInt64(half), bytes: bytes)),
      ("b", .array(type: 0, count: UInt64(half), bytes: bytes)),
    ]
    let error = try #require(throws: CheckpointError.self) { try read(builder) }
    #expect(error.description.contains("elements of b"))
    #expect(error.description.contains("expected at most \(GGUFFile.maximumArrayElements - half)"))
  }

  @Test func `A type that cannot be widened is listed, and refused as weights`() throws {
    var builder = GGUFBuilder()
    builder.tensors = [
      .init(name: "x", dimensions: [256], type: 16, bytes: [UInt8](repeating: 0, count: 66))
    ]
    let file = try read(builder)
    #expect(file.tensors[0].type == "IQ2_XXS")
    let error = try #require(throws: CheckpointError.self) { try file.stored(file.tensors[0]) }
    #expect(
      error.description.contains("tensor x: found elements of type IQ2_XXS, expected one of F32"))
  }

  private func read(_ builder: GGUFBuilder) throws -> GGUFFile {
    let folder = try TemporaryFolder()
    let path = folder.file("model.gguf")
    try write(builder.bytes, to: path)
    return try GGUFFile(path)
  }
}

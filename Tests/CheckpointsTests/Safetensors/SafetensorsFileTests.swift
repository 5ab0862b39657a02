import Documents
import Testing

@testable import Checkpoints

struct SafetensorsFileTests {
  @Test
  func `The reference writer's file is read: every type described, the plain floats as weights`()
    throws
  {
    let file = try SafetensorsFile(Goldens.path("safetensors/types.safetensors"))
    let found = Dictionary(
      uniqueKeysWithValues: file.tensors.map { ($0.name, "\($0.type) \($0.shape)") })
    #expect(
      found == [
        "float32": "F32 [3, 5]", "float16": "F16 [2, 7]", "float64": "F64 [4]",
        "int64": "I64 [2, 3]", "bool": "BOOL [3]", "uint8": "U8 [5]", "scalar": "F32 []",
        "empty": "F32 [0, 4]",
      ])
    #expect(file.metadata == ["format": "pt", "note": "é"])
    let scalar = try #require(file.tensors.first { $0.name == "scalar" })
    #expect(try file.stored(scalar).widened().elements == [2.5])
    let empty = try #require(file.tensors.first { $0.name == "empty" })
    #expect(try file.stored(empty).widened().elements == [])
  }

  @Test(arguments: [
    #""__metadata__":null,"#, #""__metadata__":{},"#, "",
  ]) func `metadata may be null, and entries may have fields that say nothing of their bytes`(
    metadata: String
  ) throws {
    let header = """
      {\(metadata)"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"checksum":"none"}}
      """
    let file = try read(Self.file(header, GGUFBuilder.floats([1, 2])))
    #expect(file.metadata == [:])
    #expect(try file.stored(file.tensors[0]).widened().elements == [1, 2])
  }

  @Test func `Tensors may stand in the header in any order, and the header at any length`() throws {
    let header = """
      {"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]},\
      "a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}
      """
    let data = GGUFBuilder.floats([1, 2])
    for padding in 0..<9 {
      let file = try read(
        Self.file(header + String(repeating: " ", count: padding), data))
      #expect(file.tensors.map(\.name) == ["a", "b"])
      #expect(try file.tensors.map { try file.stored($0).widened().elements } == [[1], [2]])
    }
  }

  @Test func `Types that are no weights are described; reading them as weights says so`() throws {
    let header = """
      {"x":{"dtype":"Q99","shape":[3],"data_offsets":[0,5]},\
      "y":{"dtype":"F64","shape":[1],"data_offsets":[5,13]}}
      """
    let file = try read(Self.file(header, [UInt8](repeating: 0, count: 13)))
    #expect(file.tensors.map(\.type) == ["Q99", "F64"])
    for (tensor, type) in zip(file.tensors, ["Q99", "F64"]) {
      let error = try #require(throws: CheckpointError.self) { try file.stored(tensor) }
      #expect(
        error.problems == [
          .init(
            "tensor \(tensor.name)", found: "elements of type \(type)",
            expected: "weights of type F32, F16 or BF16")
        ])
    }
  }

  @Test(arguments: SafetensorsFileTests.malformedFiles.map(\.name))
  func `What the format forbids is refused with its place`(name: String) throws {
    let (_, bytes, words) = try #require(Self.malformedFiles.first { $0.name == name })
    let error = try #require(throws: CheckpointError.self) { try read(bytes) }
    #expect(error.exitCode == .badData)
    #expect(error.description.contains("model.safetensors: "))
    for word in words {
      #expect(error.description.contains(word), "\(error) lacks \(word)")
    }
  }

  @Test func `A file cut off or grown anywhere is refused`() throws {
    let header = #"{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#
    let bytes = Self.file(header, GGUFBuilder.floats([1, 2]))
    for length in 0..<bytes.count {
      let error = try #require(throws: CheckpointError.self, "\(length) bytes") {
        try read(Array(bytes[..<length]))
      }
      #expect(error.exitCode == .badData)
      #expect(error.description.contains("byte "))
    }
    #expect(throws: CheckpointError.self) { try read(bytes + [0]) }
    #expect(throws: CheckpointError.self) { try read(bytes + bytes) }
  }

  @Test func `A bit flipped in the header never leads outside of the file`() throws {
    let header = #"{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#
    let original = Self.file(header, GGUFBuilder.floats([1, 2]))
    var refused = 0
    for bit in 0..<((8 + header.utf8.count) * 8) {
      var bytes = original
      bytes[bit / 8] ^= 1 << (bit % 8)
      do {
        let file = try read(bytes)
        for tensor in file.tensors where tensor.bytes.upperBound > bytes.count {
          Issue.record("bit \(bit): \(tensor) lies outside of the file")
        }
      } catch let error as CheckpointError {
        #expect(error.exitCode == .badData)
        refused += 1
      }
    }
    // What passes is another name of the tensor or of an unknown type.
    #expect(refused > header.utf8.count * 6)
  }

  @Test func `A missing file, a folder and an unreadable file have exit codes of their own`() throws
  {
    let folder = try TemporaryFolder()
    let missing = try #require(throws: CheckpointError.self) {
      try SafetensorsFile(folder.file("none.safetensors"))
    }
    #expect(missing.exitCode == .missingInput)
    #expect(missing.description.contains("No such file"))
    let directory = try #require(throws: CheckpointError.self) { try SafetensorsFile(folder.path) }
    #expect(directory.exitCode == .inputOutput)
    #expect(directory.description.contains("found a folder, expected a file"))
    let device = try #require(throws: CheckpointError.self) { try SafetensorsFile("/dev/null") }
    #expect(device.exitCode == .inputOutput)
  }

  private func read(_ bytes: [UInt8]) throws -> SafetensorsFile {
    let folder = try TemporaryFolder()
    let path = folder.file("model.safetensors")
    try write(bytes, to: path)
    return try SafetensorsFile(path)
  }

  static func file(_ header: String, _ data: [UInt8]) -> [UInt8] {
    GGUFBuilder.little(UInt64(header.utf8.count)) + Array(header.utf8) + data
  }
}

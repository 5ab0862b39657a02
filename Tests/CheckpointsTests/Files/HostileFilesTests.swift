import Foundation
import Testing

@testable import Checkpoints

/// Small files that once passed the header's checks and then trapped, ran out of memory or hung.
struct HostileFilesTests {
  @Test(arguments: [[0, 1 << 62, 1 << 62], [0, 1 << 33], [1 << 62, 0], [32, 0]] as [[UInt64]])
  func `A dimension of 0 does not hide the others in GGUF`(dimensions: [UInt64]) throws {
    var builder = GGUFBuilder()
    builder.tensors = [.init(name: "x", dimensions: dimensions, bytes: [])]
    let axis = try #require(dimensions.firstIndex(of: 0))
    let error = try refusal("model.gguf", builder.bytes) { try GGUFFile($0) }
    #expect(error.description.contains("(dimension \(axis) of tensor x): found 0"))
  }

  @Test(arguments: [
    "[0,4611686018427387904]", "[4611686018427387904,0]",
    "[0,4611686018427387904,4611686018427387904]",
  ])
  func `A dimension of 0 does not hide the others in safetensors`(shape: String) throws {
    let bytes = safetensors(shape)
    let error = try refusal("model.safetensors", bytes) { try SafetensorsFile($0) }
    #expect(error.description.contains("tensor \"x\".shape"))
    #expect(error.description.contains("a size that fits 64 bits"))
  }

  @Test(arguments: ["[0]", "[0,4]", "[3,0,4]"])
  func `An empty tensor of a size that fits is valid`(shape: String) throws {
    let folder = try TemporaryFolder()
    let path = folder.file("model.safetensors")
    try write(safetensors(shape), to: path)
    let file = try SafetensorsFile(path)
    #expect(try file.stored(file.tensors[0]).widened().count == 0)
  }

  @Test(.timeLimit(.minutes(1)))
  func `A named pipe is refused at once, not waited for`() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("model.gguf")
    #expect(mkfifo(path, 0o600) == 0)
    let error = try #require(throws: CheckpointError.self) { try MappedFile(path) }
    #expect(error.exitCode == .inputOutput)
    #expect(error.description == "\(path): found no regular file, expected a file")
  }

  @Test func `A header longer than its tensors need is refused before it is read`() throws {
    // A file of 99 MB that is almost all hole.
    var sparse = GGUFBuilder.little(UInt64(99_000_000)) + Array(#"{"__metadata__":{"a":""#.utf8)
    sparse += [UInt8](repeating: 0x20, count: 99_000_000 + 8 - sparse.count)
    let spaces = try refusal("model.safetensors", sparse) { try SafetensorsFile($0) }
    #expect(
      spaces.description.hasSuffix(
        "byte 0 (header length): found a header of 99000000 bytes for 1 tensors, expected at most "
          + "8389632; the file is damaged, or made to do harm"), "\(spaces)")
    let values = "[" + String(repeating: "1,", count: 500_000) + "1]"
    let many = try refusal(
      "model.safetensors", header(#"{"x":{"dtype":"F32","shape":\#(values)}}"#)
    ) { try SafetensorsFile($0) }
    #expect(many.description.contains("values for 1 tensors"), "\(many)")
    let entries = (0...SafetensorsFile.maximumTensors).map {
      #""\#($0)":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}"#
    }
    let tensors = try refusal(
      "model.safetensors", header("{" + entries.joined(separator: ",") + "}")
    ) { try SafetensorsFile($0) }
    #expect(tensors.description.contains("found a header of 131073 tensors"), "\(tensors)")
  }

  @Test func `As many tensors as a file may have are read`() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("model.safetensors")
    let entries = (0..<SafetensorsFile.maximumTensors).map {
      #""layers.\#($0).weight":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}"#
    }
    try write(header("{" + entries.joined(separator: ",") + "}"), to: path)
    #expect(try SafetensorsFile(path).tensors.count == SafetensorsFile.maximumTensors)
  }

  @Test func `A text of GGUF metadata longer than any is refused before it is read`() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("model.gguf")
    var builder = GGUFBuilder()
    builder.keys = [
      ("tokenizer.chat_template", .raw(type: 8, bytes: GGUFBuilder.little(UInt64(1 << 32))))
    ]
    try write(builder.bytes, to: path)
    // A hole of 5 GB, which takes no space.
    try #require(truncate(path, 5 << 30) == 0)
    let error = try #require(throws: CheckpointError.self) { _ = try GGUFFile(path) }
    #expect(error.exitCode == .badData)
    #expect(
      error.description.contains(
        "(length of tokenizer.chat_template): found 4294967296, expected at most 67108864"),
      "\(error)")
  }

  private func header(_ text: String) -> [UInt8] {
    GGUFBuilder.little(UInt64(text.utf8.count)) + Array(text.utf8)
  }

  private func refusal(
    _ name: String, _ bytes: [UInt8], _ open: (String) throws -> some Any
  ) throws -> CheckpointError {
    let folder = try TemporaryFolder()
    let path = folder.file(name)
    try write(bytes, to: path)
    let error = try #require(throws: CheckpointError.self) { _ = try open(path) }
    #expect(error.exitCode == .badData)
    #expect(error.description.hasPrefix(path))
    return error
  }

  /// One tensor of no bytes.
  private func safetensors(_ shape: String) -> [UInt8] {
    let header = #"{"x":{"dtype":"F32","shape":\#(shape),"data_offsets":[0,0]}}"#
    return GGUFBuilder.little(UInt64(header.utf8.count)) + Array(header.utf8)
  }
}

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

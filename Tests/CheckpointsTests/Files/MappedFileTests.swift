import Foundation
import TensorCore
import Testing

@testable import Checkpoints

struct MappedFileTests {
  @Test func `Bytes that were let go, or asked for, are what the file holds`() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("numbers")
    let count = 5 << 14
    let expected = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    try Data(expected).write(to: URL(fileURLWithPath: path))
    let file = try MappedFile(path)
    for range in [0..<count, 1..<2, 4095..<4097, 4096..<8192, 100..<70_000, 60_000..<count, 7..<7] {
      let part = UnsafeRawBufferPointer(rebasing: file.bytes[range])
      file.expect(part)
      #expect(part.elementsEqual(expected[range]))
      file.release(part)
      #expect(file.bytes.elementsEqual(expected), "\(range)")
    }
  }

  /// The file's bytes after the length of a header of 32 bytes are its one tensor.
  private func model(_ folder: borrowing TemporaryFolder) throws -> (
    source: ModelSource, path: String
  ) {
    let header = #"{"a.weight":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#
    let path = folder.file("model.safetensors")
    let length = withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Array($0) }
    try write(length + Array(header.utf8) + [UInt8](repeating: 1, count: 8), to: path)
    try write(Array("{}".utf8), to: folder.file("config.json"))
    return (try ModelSource.open(path), path)
  }

  @Test func `A file that is written to, replaced or gone is not the one that was opened`() throws {
    let changes: [(words: String, change: (String) throws -> Void)] = [
      (
        "was written to while it was in use",
        { path in
          let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
          try handle.seekToEnd()
          try handle.seek(toOffset: try handle.offset() - 1)
          try handle.write(contentsOf: [9])
          try handle.close()
        }
      ), ("had 77 bytes and was written to", { #expect(truncate($0, 70) == 0) }),
      (
        "was replaced while it was in use",
        { path in
          let bytes = try bytes(of: path)
          try write(bytes, to: path + ".new")
          #expect(rename(path + ".new", path) == 0)
        }
      ), ("\"No such file or directory\" on trying to examine it", { #expect(unlink($0) == 0) }),
    ]
    for (words, change) in changes {
      let folder = try TemporaryFolder()
      let (source, path) = try model(folder)
      let digest = try source.contentDigest()
      try source.requireUnchanged(digest: digest)
      try change(path)
      let error = try #require(throws: CheckpointError.self) {
        try source.requireUnchanged(digest: digest)
      }
      #expect(error.description.hasPrefix(path))
      #expect(error.description.contains(words), "\(error)")
      #expect(error.exitCode == (words.contains("No such") ? .missingInput : .badData))
    }
  }

  @Test func `A file whose times alone have changed is the one that was opened`() throws {
    let folder = try TemporaryFolder()
    let (source, path) = try model(folder)
    let digest = try source.contentDigest()
    #expect(chmod(path, 0o600) == 0)
    try source.requireUnchanged(digest: digest)
    #expect(utimes(path, nil) == 0)
    try source.requireUnchanged(digest: digest)
    // What is no longer noticed is not asked for again.
    try source.requireUnchanged(digest: "none")
  }

  @Test func `A tensor lets go of its pages, or of nothing where it has none`() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("numbers")
    let numbers = (0..<8192).map { Float($0) }
    try numbers.withUnsafeBytes { try Data($0).write(to: URL(fileURLWithPath: path)) }
    let file = try MappedFile(path)
    let mapped = StoredTensor(
      elementType: .float32, shape: [2, 4096], bytes: file.bytes, owner: file)
    let kept = StoredTensor(mapped.widened())
    for tensor in [mapped, kept] {
      tensor.releasePages()
      tensor.expectPages()
      #expect(tensor.numbers == numbers)
    }
  }
}

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

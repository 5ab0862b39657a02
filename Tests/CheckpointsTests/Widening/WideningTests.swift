import Foundation
import TensorCore
import Testing

struct WideningTests {
  @Test(arguments: ElementType.allCases, [0, 1])
  func `Blocks widen to the bits that gguf gives, at any address`(type: ElementType, offset: Int)
    throws
  {
    let blocks = try Goldens.bytes("widening/\(type.rawValue).blocks")
    let expected = try Goldens.floats("widening/\(type.rawValue).floats")
    let tensor = stored(type, [expected.count / 256, 256], blocks, offset: offset)
    let widened = tensor.widened().elements
    let mismatches = expected.indices.filter {
      widened[$0].bitPattern != expected[$0].bitPattern
    }
    #expect(expected.count == 2048)
    #expect(mismatches.isEmpty, "elements \(mismatches.prefix(8))")
  }

  @Test func `Each of the 65,536 half-precision numbers widens exactly, each NaN to a NaN`() {
    let all = (0...UInt16.max).map { $0 }
    let bytes = all.flatMap { [UInt8(truncatingIfNeeded: $0), UInt8($0 >> 8)] }
    // 65,536 go in blocks of 16; the second row has lengths that leave a tail.
    for shape in [[1, 65_536], [2, 32_767]] {
      let count = shape[0] * shape[1]
      let widened = stored(.float16, shape, Array(bytes[..<(2 * count)])).widened().elements
      for (index, value) in widened.enumerated() {
        let expected = Float(Float16(bitPattern: all[index]))
        guard expected.isNaN ? value.isNaN : value.bitPattern == expected.bitPattern else {
          Issue.record("\(all[index]) widens to \(value), expected \(expected)")
          return
        }
      }
    }
  }

  @Test func `Each of the 65,536 bfloat16 numbers is the upper half of a float`() {
    let all = (0...UInt16.max).map { $0 }
    let bytes = all.flatMap { [UInt8(truncatingIfNeeded: $0), UInt8($0 >> 8)] }
    let widened = stored(.bfloat16, [65_536], bytes, offset: 1).widened().elements
    #expect(widened.map { UInt16($0.bitPattern >> 16) } == all)
    #expect(widened.allSatisfy { $0.bitPattern & 0xFFFF == 0 })
  }

  @Test(arguments: [1, 15, 16, 17, 63])
  func `Lengths that do not fill a vector are widened whole`(count: Int) {
    let bytes = (0..<(2 * count)).map { UInt8(truncatingIfNeeded: $0 * 37 & 0x7B) }
    for type in [ElementType.float16, .bfloat16] {
      let whole = stored(type, [count], bytes).widened().elements
      let single = (0..<count).map {
        stored(type, [1], Array(bytes[(2 * $0)..<(2 * $0 + 2)])).widened().elements[0]
      }
      #expect(whole == single)
    }
  }

  private func stored(
    _ type: ElementType, _ shape: [Int], _ bytes: [UInt8], offset: Int = 0
  ) -> StoredTensor {
    let buffer = AlignedBytes(bytes, offset: offset)
    return StoredTensor(elementType: type, shape: shape, bytes: buffer.view, owner: buffer)
  }
}

/// Bytes at an address that is `offset` beyond a multiple of 64.
private final class AlignedBytes: Sendable {
  nonisolated(unsafe) private let base: UnsafeMutableRawPointer
  nonisolated(unsafe) let view: UnsafeRawBufferPointer

  init(_ bytes: [UInt8], offset: Int) {
    let base = UnsafeMutableRawPointer.allocate(byteCount: bytes.count + offset, alignment: 64)
    bytes.withUnsafeBytes { (base + offset).copyMemory(from: $0.baseAddress!, byteCount: $0.count) }
    view = UnsafeRawBufferPointer(start: base + offset, count: bytes.count)
    self.base = base
  }

  deinit { base.deallocate() }
}

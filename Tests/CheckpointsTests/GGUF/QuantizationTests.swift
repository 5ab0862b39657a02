import TensorCore
import Testing

@testable import Checkpoints

/// Against what `scripts/goldens/quantization.py` let llama.cpp's library make.
@Suite struct QuantizationTests {
  static let types: [ElementType] = [.float16, .bfloat16, .q4_1, .q5_0, .q8_0, .q4_K]

  @Test(arguments: types)
  func `Blocks are llama.cpp's to the bit`(type: ElementType) throws {
    let values = try Goldens.floats("quantization/values.floats")
    let expected = try Goldens.bytes("quantization/\(type.rawValue).blocks")
    var found = [UInt8](repeating: 0xAA, count: expected.count)
    found.withUnsafeMutableBytes {
      narrow(values, count: values.count, to: type, into: $0.baseAddress!)
    }
    let blockBytes = type.blockBytes
    let different = (0..<expected.count / blockBytes).filter { block in
      let range = block * blockBytes..<(block + 1) * blockBytes
      return found[range] != expected[range]
    }
    #expect(different.isEmpty, "blocks \(different.prefix(8)) of \(expected.count / blockBytes)")
  }

  @Test func `Every half-precision number is read exactly`() {
    for bits in UInt16.min...UInt16.max {
      let expected = Float(Float16(bitPattern: bits))
      let found = float16Value(bits)
      guard expected.isNaN ? found.isNaN : found.bitPattern == expected.bitPattern else {
        Issue.record("\(bits) is read as \(found), expected \(expected)")
        return
      }
    }
  }
}

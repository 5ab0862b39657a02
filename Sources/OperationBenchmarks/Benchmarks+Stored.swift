import Foundation
import Operations
import TensorCore

extension Benchmarks {
  /// A product of one row of activations with weights of every stored type, which decoding is made
  /// of, held against that of the same weights as floats before it is timed.
  static func storedRows() {
    let (outputs, inputs) = (4608, 1536)
    var generator = SeededGenerator(seed: 1, purpose: "stored rows")
    let x = Tensor.uniform([1, inputs], in: -1...1, using: &generator)
    for type in ElementType.allCases {
      let weight = StoredTensor(
        elementType: type, shape: [outputs, inputs],
        copying: Self.bytes(type, count: outputs * inputs, using: &generator))
      let dense = frozenLinear(x, StoredTensor(weight.widened()))
      guard frozenLinear(x, weight).elements == dense.elements else {
        print("\(type.rawValue): the product differs from that of floats: not timed")
        exit(70)
      }
      let seconds = median(9) { _ = frozenLinear(x, weight) }
      print(
        String(
          format: "one row times %@ weights %@ %6.3f ns a weight, %5.1f GB/s", type.rawValue,
          String(repeating: " ", count: 16 - type.rawValue.count),
          seconds / Double(outputs * inputs) * 1e9, Double(weight.bytes.count) / seconds / 1e9))
    }
  }

  /// Random blocks of finite numbers that are not subnormal.
  private static func bytes(
    _ type: ElementType, count: Int, using generator: inout SeededGenerator
  ) -> [UInt8] {
    var bytes = (0..<type.bytes(of: count)).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
    // The upper bytes of a block's floats: a sign, and an exponent in the middle of its range.
    let places =
      switch type {
      case .float32: [3]
      case .float16, .bfloat16, .q8_0, .q4_0, .q5_0: [1]
      case .q4_1, .q5_1, .q4_K, .q5_K: [1, 3]
      case .q6_K: [209]
      }
    for block in stride(from: 0, to: bytes.count, by: type.blockBytes) {
      for place in places { bytes[block + place] = bytes[block + place] & 0x80 | 0x34 }
    }
    return bytes
  }
}

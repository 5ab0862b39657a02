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

  /// A product of many rows with weights of every stored type, held against that in Double at some
  /// places before it is timed. The types take turns, so that a processor that changes its rate
  /// changes it for all of them.
  static func storedMatrices() {
    let (rows, outputs, inputs) = (1024, 576, 1536)
    var generator = SeededGenerator(seed: 1, purpose: "stored matrices")
    let x = Tensor.uniform([rows, inputs], in: -1...1, using: &generator)
    let weights = ElementType.allCases.map {
      StoredTensor(
        elementType: $0, shape: [outputs, inputs],
        copying: Self.bytes($0, count: outputs * inputs, using: &generator))
    }
    let errors = weights.map { error(of: frozenLinear(x, $0), x, $0) }
    var times = weights.map { _ in [Double]() }
    for _ in 0..<15 {
      for (place, weight) in weights.enumerated() {
        times[place].append(median(1) { _ = frozenLinear(x, weight) })
      }
    }
    for (weight, (seconds, error)) in zip(weights, zip(times.map { $0.sorted()[7] }, errors)) {
      guard error < 1e-6 else {
        print("\(weight.elementType.rawValue): the product is off by \(error): not timed")
        exit(70)
      }
      print(
        String(
          format: "1024x1536x576 with %@ weights %@ %6.1f GFLOP/s, off by %.2g",
          weight.elementType.rawValue,
          String(repeating: " ", count: 16 - weight.elementType.rawValue.count),
          2 * Double(rows * outputs * inputs) / seconds / 1e9, error))
    }
  }

  /// Root mean square over that of the result, of every 997th element.
  private static func error(of y: Tensor, _ x: Tensor, _ weight: StoredTensor) -> Double {
    let (found, x, weights) = (y.elements, x.elements, weight.widened().elements)
    let (outputs, inputs) = (weight.shape[0], weight.shape[1])
    var (off, whole) = (0.0, 0.0)
    for place in stride(from: 0, to: found.count, by: 997) {
      let (row, output) = (place / outputs * inputs, place % outputs * inputs)
      let exact = (0..<inputs).reduce(0.0) {
        $0 + Double(x[row + $1]) * Double(weights[output + $1])
      }
      off += (Double(found[place]) - exact) * (Double(found[place]) - exact)
      whole += exact * exact
    }
    return (off / whole).squareRoot()
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
      case .float16, .bfloat16, .q8_0, .q4_0, .q5_0, .iq4_NL, .iq4_XS: [1]
      case .q4_1, .q5_1, .q4_K, .q5_K: [1, 3]
      case .q2_K: [81, 83]
      case .q3_K: [109]
      case .q6_K: [209]
      }
    for block in stride(from: 0, to: bytes.count, by: type.blockBytes) {
      for place in places { bytes[block + place] = bytes[block + place] & 0x80 | 0x34 }
    }
    return bytes
  }
}

import Testing

@testable import TensorCore

struct RowProductTests {
  @Test(arguments: ElementType.allCases)
  func `products straight from stored bytes are those of the widened weights`(type: ElementType) {
    var generator = SeededGenerator(seed: 41, purpose: "row products")
    for (rows, blocks) in [(1, 1), (2, 3), (7, 2), (16, 5)] {
      // The plain types take any length.
      let inputs = type.isQuantized ? blocks * type.blockLength : 64 * blocks + 13
      let stored = StoredTensor(
        elementType: type, rows: rows, inputs: inputs, generator: &generator)
      let x = (0..<inputs).map { _ in Float.random(in: -1...1, using: &generator) }
      let backwards = stored.selectingRows((0..<rows).map { Int32(rows - 1 - $0) })
      for weight in [stored, backwards] {
        let weights = weight.widened().elements
        var products = [Float](repeating: .nan, count: rows)
        // In two parts, the second of which starts within the tensor.
        for part in [0..<rows / 2, rows / 2..<rows] {
          products.withUnsafeMutableBufferPointer {
            weight.multiply(rows: part, by: x, into: $0.baseAddress! + part.lowerBound)
          }
        }
        // What is summed is what the same weights give as floats.
        var dense = [Float](repeating: .nan, count: rows)
        dense.withUnsafeMutableBufferPointer {
          StoredTensor(weight.widened()).multiply(rows: 0..<rows, by: x, into: $0.baseAddress!)
        }
        #expect(products == dense)
        for row in 0..<rows {
          var expected = 0.0
          var magnitude = 0.0
          for column in 0..<inputs {
            let term = Double(weights[row * inputs + column]) * Double(x[column])
            expected += term
            magnitude += abs(term)
          }
          // At most inputs / 32 + 6 additions lie on a path through the partial sums.
          let bound = Double(Float.ulpOfOne) * (Double(inputs) / 32 + 6) * magnitude
          #expect(abs(Double(products[row]) - expected) <= bound, "\(type) row \(row) of \(rows)")
        }
      }
    }
  }

  @Test(arguments: ElementType.allCases)
  func `products of several vectors have the bits of each alone`(type: ElementType) {
    var generator = SeededGenerator(seed: 42, purpose: "column products")
    for (rows, blocks) in [(1, 1), (2, 3), (35, 2)] {
      let inputs = type.isQuantized ? blocks * type.blockLength : 64 * blocks + 13
      let stored = StoredTensor(
        elementType: type, rows: rows, inputs: inputs, generator: &generator)
      let backwards = stored.selectingRows((0..<rows).map { Int32(rows - 1 - $0) })
      for (weight, columns) in [(stored, 1), (stored, 5), (stored, 12), (backwards, 3)] {
        let x = (0..<columns * inputs).map { _ in Float.random(in: -1...1, using: &generator) }
        var alone = [Float](repeating: .nan, count: columns * rows)
        var together = alone
        x.withUnsafeBufferPointer { x in
          alone.withUnsafeMutableBufferPointer {
            for column in 0..<columns {
              weight.multiply(
                rows: 0..<rows, by: x.baseAddress! + column * inputs,
                into: $0.baseAddress! + column * rows)
            }
          }
          together.withUnsafeMutableBufferPointer {
            // In two parts, as workers take them.
            for part in [0..<rows / 2, rows / 2..<rows] {
              weight.multiply(
                rows: part, by: x.baseAddress!, columns: columns,
                into: $0.baseAddress! + part.lowerBound, stride: rows)
            }
          }
        }
        #expect(together == alone, "\(columns) vectors, \(rows) rows")
      }
    }
  }

  @Test func `scales of zero, of subnormal size and with a sign are widened exactly`() {
    // One block of Q8_0 each: the scale, then 32 times the integer 3.
    for bits in [0x0000, 0x8000, 0x0001, 0x8001, 0x03FF, 0x0400, 0x83FF, 0xC000, 0x7BFF] as [UInt16]
    {
      var bytes = [UInt8](repeating: 3, count: 34)
      bytes[0] = UInt8(bits & 255)
      bytes[1] = UInt8(bits >> 8)
      let widened = StoredTensor(elementType: .q8_0, shape: [1, 32], copying: bytes).widened()
      #expect(widened.elements.allSatisfy { $0 == 3 * decoded(bits) }, "\(bits)")
      #expect(widened.elements[0].sign == decoded(bits).sign)
    }
  }
}

/// IEEE 754's formula of a half, finite ones.
private func decoded(_ bits: UInt16) -> Float {
  let exponent = Int(bits >> 10 & 31)
  let mantissa = Float(bits & 1023)
  let magnitude =
    exponent == 0
    ? mantissa * Float(sign: .plus, exponent: -24, significand: 1)
    : (1024 + mantissa) * Float(sign: .plus, exponent: exponent - 25, significand: 1)
  return bits >> 15 == 1 ? -magnitude : magnitude
}

extension StoredTensor {
  /// Random blocks, whose halves are finite and below 1.
  fileprivate init(
    elementType type: ElementType, rows: Int, inputs: Int,
    generator: inout SeededGenerator
  ) {
    var bytes = (0..<rows * type.bytes(of: inputs)).map { _ in
      UInt8.random(in: 0...255, using: &generator)
    }
    let halves: [Int] =
      switch type {
      case .float32: [2]
      case .float16, .bfloat16, .q8_0, .q4_0, .q5_0, .iq4_NL, .iq4_XS: [0]
      case .q4_1, .q5_1, .q4_K, .q5_K: [0, 2]
      case .q2_K: [80, 82]
      case .q3_K: [108]
      case .q6_K: [208]
      }
    for block in stride(from: 0, to: bytes.count, by: type.blockBytes) {
      // Exponents below that of 1, a sign, and now and then a subnormal one.
      for half in halves { bytes[block + half + 1] &= 0xBB }
    }
    self.init(elementType: type, shape: [rows, inputs], copying: bytes)
  }
}

import CVectorKernels
import TensorCore
import TestSupport
import Testing

@testable import Operations

/// Products on tiles with weights in their blocks, against plain loops in Double over the widened
/// weights. Skipped where the processor has no tiles.
@Suite(.enabled(if: tile_products_are_available() != 0)) struct FactoredLinearTests {
  static let types: [ElementType] = [
    .q8_0, .q4_0, .q4_1, .q5_0, .q5_1, .q4_K, .q5_K, .iq4_NL, .iq4_XS,
  ]

  struct Size: Sendable { let tokens, outputs, inputs: Int }

  /// Lines that fill no tile, several tasks, and more terms than are packed at a time.
  static let sizes = [
    Size(tokens: 5, outputs: 70, inputs: 256), Size(tokens: 66, outputs: 33, inputs: 768),
    Size(tokens: 3, outputs: 40, inputs: 5888),
  ]

  /// Arbitrary integers, with scales about 0.01 and offsets that centre the weights about.
  private func weights(_ type: ElementType, _ size: Size) -> StoredTensor {
    var draw = TestValues(7)
    let blocks = size.outputs * size.inputs / type.blockLength
    let blockBytes = type.bytes(of: type.blockLength)
    var bytes = draw.normal(blocks * blockBytes).map { UInt8(truncatingIfNeeded: Int($0 * 1000)) }
    let scales = draw.normal(blocks).map { Float16(0.01 + 0.005 * $0) }
    for block in 0..<blocks {
      for (place, value) in [scales[block], -7 * scales[block]].enumerated()
      where place == 0 || hasOffset(type) {
        let bits = value.bitPattern.littleEndian
        bytes[block * blockBytes + 2 * place] = UInt8(bits & 255)
        bytes[block * blockBytes + 2 * place + 1] = UInt8(bits >> 8)
      }
    }
    return StoredTensor(elementType: type, shape: [size.outputs, size.inputs], copying: bytes)
  }

  private func hasOffset(_ type: ElementType) -> Bool {
    [.q4_1, .q5_1, .q4_K, .q5_K].contains(type)
  }

  private func product(_ x: [Float], _ weight: StoredTensor, _ size: Size) -> [Float] {
    var y = [Float](repeating: .nan, count: size.tokens * weight.shape[0])
    y.withUnsafeMutableBufferPointer { y in
      x.withUnsafeBufferPointer { x in
        factoredLinear(x.baseAddress!, tokens: size.tokens, weight, into: y.baseAddress!)
      }
    }
    return y
  }

  @Test(arguments: types, sizes)
  func `Blocks multiply as their widened weights do`(type: ElementType, size: Size) {
    var draw = TestValues(1)
    let x = draw.normal(size.tokens * size.inputs).map { Float($0) }
    let weight = weights(type, size)
    let order = (0..<Int32(size.outputs)).reversed().map { $0 }
    for weight in [weight, weight.selectingRows(order)] {
      let expected = Naive.matrixProduct(
        x.map(Double.init), weight.numbers.map(Double.init), m: size.tokens, n: size.outputs,
        k: size.inputs, rightTransposed: true)
      #expect(relativeRMS(product(x, weight, size), expected) < 5e-7)
    }
  }

  /// So that a sequence may be read in parts.
  @Test(arguments: types)
  func `A row's bits do not depend on the rows beside it`(type: ElementType) {
    let size = Size(tokens: 70, outputs: 90, inputs: 512)
    var draw = TestValues(1)
    let x = draw.normal(size.tokens * size.inputs).map { Float($0) }
    let weight = weights(type, size)
    let whole = product(x, weight, size)
    var parts: [Float] = []
    for rows in [0..<1, 1..<34, 34..<70] {
      parts += product(
        Array(x[rows.lowerBound * size.inputs..<rows.upperBound * size.inputs]), weight,
        Size(tokens: rows.count, outputs: size.outputs, inputs: size.inputs))
    }
    #expect(parts == whole)
  }
}

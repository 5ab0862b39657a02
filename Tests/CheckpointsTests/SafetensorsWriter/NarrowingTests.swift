import TensorCore
import Testing

@testable import Checkpoints

@Suite struct NarrowingTests {
  private func widened(_ bits: UInt16, _ type: ElementType) -> Float {
    let buffer = ByteBuffer(count: 2)
    buffer.base.storeBytes(of: bits, as: UInt16.self)
    return StoredTensor(elementType: type, shape: [1], bytes: buffer.bytes, owner: buffer)
      .widened().elements[0]
  }

  private func narrowed(_ value: Float, _ type: ElementType) -> UInt16 {
    type == .float16 ? float16Bits(value) : bfloat16Bits(value)
  }

  /// Between neighbours lies an exact midpoint, which goes to the even one; all else to the nearer.
  @Test(arguments: zip([ElementType.float16, .bfloat16], [0x7C00, 0x7F80]))
  func `every midpoint rounds to even, and its neighbours to the nearer`(
    type: ElementType, infinity: Int
  ) {
    for bits in 0..<UInt16(infinity) {
      let low = widened(bits, type)
      // The step beyond the largest finite value is as wide as the one before it.
      let isLast = bits + 1 == UInt16(infinity)
      let midpoint =
        isLast
        ? low + (low - widened(bits - 1, type)) / 2
        : Float((Double(low) + Double(widened(bits + 1, type))) / 2)
      let even = bits & 1 == 0 ? bits : bits + 1
      let isRight =
        narrowed(low, type) == bits && narrowed(midpoint, type) == even
        && narrowed(midpoint.nextDown, type) == bits
        && narrowed(midpoint.nextUp, type) == bits + 1
        && narrowed(-low, type) == bits | 0x8000
        && narrowed(-midpoint, type) == even | 0x8000
      #expect(isRight, "\(bits)")
    }
  }

  @Test(arguments: zip([ElementType.float16, .bfloat16], [0x7C00, 0x7F80]))
  func `infinities stay, and NaN stays NaN`(type: ElementType, infinity: Int) {
    #expect(narrowed(.infinity, type) == UInt16(infinity))
    #expect(narrowed(-.infinity, type) == UInt16(infinity) | 0x8000)
    for bits: UInt32 in [0x7F80_0001, 0x7FC0_0000, 0xFFFF_FFFF, 0x7FBF_FFFF] {
      #expect(widened(narrowed(Float(bitPattern: bits), type), type).isNaN)
    }
  }
}

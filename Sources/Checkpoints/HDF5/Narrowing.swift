import TensorCore

/// The upper half of a float, rounded to nearest, ties to even; NaN stays NaN.
@inline(__always)
func bfloat16Bits(_ value: Float) -> UInt16 {
  let bits = value.bitPattern
  if value.isNaN { return UInt16(truncatingIfNeeded: bits >> 16) | 0x40 }
  return UInt16(truncatingIfNeeded: (bits &+ 0x7FFF &+ ((bits >> 16) & 1)) >> 16)
}

/// IEEE half precision, rounded to nearest, ties to even; beyond 65,504 infinite; NaN stays NaN.
func float16Bits(_ value: Float) -> UInt16 {
  let bits = value.bitPattern
  let sign = UInt16(truncatingIfNeeded: bits >> 16) & 0x8000
  let magnitude = bits & 0x7FFF_FFFF
  if magnitude > 0x7F80_0000 {
    return sign | 0x7E00 | UInt16(truncatingIfNeeded: (magnitude >> 13) & 0x3FF)
  }
  // 65,520 is halfway to the next power of two, whose even neighbour is infinity.
  if magnitude >= 0x477F_F000 { return sign | 0x7C00 }
  if magnitude < 0x3880_0000 {
    // Subnormal: adding 0.5 aligns units of 2^-24 with the last bit, and rounds as addition does.
    let aligned = Float(bitPattern: magnitude) + 0.5
    return sign | UInt16(truncatingIfNeeded: aligned.bitPattern &- Float(0.5).bitPattern)
  }
  let rounded = magnitude &- 0x3800_0000 &+ 0xFFF &+ ((magnitude >> 13) & 1)
  return sign | UInt16(truncatingIfNeeded: rounded >> 13)
}

/// The number that half precision holds.
func float16Value(_ half: UInt16) -> Float {
  let magnitude = UInt32(half & 0x7FFF)
  // As a float whose exponent is 112 too small; that of infinity and NaN is 224.
  let scaled = Float(bitPattern: magnitude << 13) * 0x1p112
  let value =
    magnitude >= 0x7C00 ? Float(bitPattern: 0x7F80_0000 | (magnitude << 13)) : scaled
  return half & 0x8000 == 0 ? value : -value
}

func narrow(
  _ source: UnsafePointer<Float>, count: Int, toBFloat16 output: UnsafeMutablePointer<UInt16>
) {
  for index in 0..<count { output[index] = bfloat16Bits(source[index]) }
}

func narrow(
  _ source: UnsafePointer<Float>, count: Int, toFloat16 output: UnsafeMutablePointer<UInt16>
) {
  for index in 0..<count { output[index] = float16Bits(source[index]) }
}

/// The first finite value that half precision makes infinite.
public func firstBeyondFloat16(_ tensor: Tensor) -> Float? {
  tensor.withPointer {
    UnsafeBufferPointer(start: $0, count: tensor.count).first {
      $0.isFinite && float16Bits($0) & 0x7FFF == 0x7C00
    }
  }
}

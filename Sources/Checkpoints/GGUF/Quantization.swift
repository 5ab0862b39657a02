import TensorCore

// Floats to stored elements, as the reference functions of llama.cpp do it (`quantize_row_*_ref` of
// ggml-quants.c): the same operations on 32-bit floats in the same order, so that files are equal to
// the bit. https://github.com/ggml-org/llama.cpp/blob/master/ggml/src/ggml-quants.c

/// - Parameters:
///   - source: finite floats.
///   - count: a multiple of the type's block.
///   - type: one that GGUF files are written with.
///   - output: `type.bytes(of: count)` bytes.
func narrow(
  _ source: UnsafePointer<Float>, count: Int, to type: ElementType,
  into output: UnsafeMutableRawPointer
) {
  let bytes = output.assumingMemoryBound(to: UInt8.self)
  let block: (UnsafePointer<Float>, UnsafeMutablePointer<UInt8>) -> Void
  switch type {
  case .float32:
    output.copyMemory(from: source, byteCount: count * 4)
    return
  case .float16:
    for index in 0..<count { store(float16Bits(source[index]), bytes + 2 * index) }
    return
  case .bfloat16:
    for index in 0..<count { store(bfloat16Bits(source[index]), bytes + 2 * index) }
    return
  case .q8_0: block = quantizeQ8
  case .q4_1: block = quantizeQ41
  case .q5_0: block = quantizeQ50
  case .q4_K: block = quantizeQ4K
  case .q4_0, .q5_1, .q2_K, .q3_K, .q5_K, .q6_K, .iq4_NL, .iq4_XS:
    preconditionFailure("\(type.rawValue) is not written")
  }
  for index in 0..<count / type.blockLength {
    block(source + index * type.blockLength, bytes + index * type.blockBytes)
  }
}

@inline(__always)
func store(_ half: UInt16, _ output: UnsafeMutablePointer<UInt8>) {
  output[0] = UInt8(truncatingIfNeeded: half)
  output[1] = UInt8(truncatingIfNeeded: half >> 8)
}

/// What a scale is divided by; a block of equal numbers has none.
@inline(__always)
private func inverse(_ scale: Float) -> Float { scale == 0 ? 0 : 1 / scale }

/// 32 integers of 8 bits times a scale.
private func quantizeQ8(_ x: UnsafePointer<Float>, _ output: UnsafeMutablePointer<UInt8>) {
  var largest: Float = 0
  for index in 0..<32 { largest = max(largest, x[index].magnitude) }
  let scale = largest / 127
  let factor = inverse(scale)
  store(float16Bits(scale), output)
  for index in 0..<32 {
    let rounded = (x[index] * factor).rounded(.toNearestOrAwayFromZero)
    output[2 + index] = UInt8(bitPattern: Int8(rounded))
  }
}

/// 32 integers of 4 bits times a scale, above a minimum.
private func quantizeQ41(_ x: UnsafePointer<Float>, _ output: UnsafeMutablePointer<UInt8>) {
  var (low, high) = (x[0], x[0])
  for index in 1..<32 {
    low = x[index] < low ? x[index] : low
    high = x[index] > high ? x[index] : high
  }
  let scale = (high - low) / 15
  let factor = inverse(scale)
  store(float16Bits(scale), output)
  store(float16Bits(low), output + 2)
  for index in 0..<16 {
    let first = UInt8(min(15, (x[index] - low) * factor + 0.5))
    let second = UInt8(min(15, (x[16 + index] - low) * factor + 0.5))
    output[4 + index] = first | second << 4
  }
}

/// 32 integers of 5 bits, less 16, times a scale whose sign is the largest number's.
private func quantizeQ50(_ x: UnsafePointer<Float>, _ output: UnsafeMutablePointer<UInt8>) {
  var extreme: Float = 0
  for index in 0..<32 where extreme.magnitude < x[index].magnitude { extreme = x[index] }
  let scale = extreme / -16
  let factor = inverse(scale)
  store(float16Bits(scale), output)
  var high: UInt32 = 0
  for index in 0..<16 {
    let first = UInt8(min(31, x[index] * factor + 16.5))
    let second = UInt8(min(31, x[16 + index] * factor + 16.5))
    output[6 + index] = first & 15 | second << 4
    high |= UInt32(first >> 4) << UInt32(index)
    high |= UInt32(second >> 4) << UInt32(16 + index)
  }
  for index in 0..<4 {
    output[2 + index] = UInt8(truncatingIfNeeded: high >> UInt32(8 * index))
  }
}

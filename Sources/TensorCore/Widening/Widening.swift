import CVectorKernels

/// Widens stored elements to floats.
///
/// - Parameters:
///   - source: `type.bytes(of: count)` bytes at any alignment: a mapped file has none.
///   - count: elements, a multiple of `type.blockLength`.
func widen(
  _ type: ElementType, _ source: UnsafeRawPointer, count: Int,
  into output: UnsafeMutablePointer<Float>
) {
  precondition(count % type.blockLength == 0, "\(count) elements in blocks of \(type.rawValue)")
  switch type {
  case .float32: UnsafeMutableRawPointer(output).copyMemory(from: source, byteCount: count * 4)
  case .float16: widen_f16(source, output, count)
  case .bfloat16: widen_bf16(source, output, count)
  case .q8_0: widen_q8_0(source, output, count)
  case .q4_0: widen_q4_0(source, output, count)
  case .q4_1: widen_q4_1(source, output, count)
  case .q5_0: widen_q5_0(source, output, count)
  case .q5_1: widen_q5_1(source, output, count)
  case .q4_K: widen_q4_k(source, output, count)
  case .q5_K: widen_q5_k(source, output, count)
  case .q6_K: widen_q6_k(source, output, count)
  case .q2_K: widen_q2_k(source, output, count)
  case .q3_K: widen_q3_k(source, output, count)
  case .iq4_NL: widen_iq4_nl(source, output, count)
  case .iq4_XS: widen_iq4_xs(source, output, count)
  }
}

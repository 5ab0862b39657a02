/// How a checkpoint stores the elements of a tensor: plain types, and GGUF's quantised blocks.
/// Arithmetic is done in 32-bit floats; the other types are widened block by block.
public enum ElementType: String, Sendable, CaseIterable {
  case float32 = "F32"
  case float16 = "F16"
  case bfloat16 = "BF16"
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case q8_0 = "Q8_0"
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case q4_0 = "Q4_0"
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case q4_1 = "Q4_1"
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case q5_0 = "Q5_0"
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case q5_1 = "Q5_1"
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case q4_K = "Q4_K"
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case q5_K = "Q5_K"
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case q6_K = "Q6_K"
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case q2_K = "Q2_K"
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case q3_K = "Q3_K"
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case iq4_NL = "IQ4_NL"
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case iq4_XS = "IQ4_XS"

  /// Elements of one block; 1 for the plain types.
  public var blockLength: Int {
    switch self {
    case .float32, .float16, .bfloat16: 1
    case .q8_0, .q4_0, .q4_1, .q5_0, .q5_1, .iq4_NL: 32
    case .q2_K, .q3_K, .q4_K, .q5_K, .q6_K, .iq4_XS: 256
    }
  }

  /// Bytes of one block.
  public var blockBytes: Int {
    switch self {
    case .float32: 4
    case .float16, .bfloat16: 2
    case .q8_0: 34
    case .q4_0, .iq4_NL: 18
    case .q4_1: 20
    case .q5_0: 22
    case .q5_1: 24
    case .q2_K: 84
    case .q3_K: 110
    case .iq4_XS: 136
    case .q4_K: 144
    case .q5_K: 176
    case .q6_K: 210
    }
  }

  /// Whether elements are stored in blocks that share their scales.
  public var isQuantized: Bool { blockLength > 1 }

  /// Bytes of `count` elements; `count` must be a multiple of `blockLength`.
  public func bytes(of count: Int) -> Int {
    precondition(count % blockLength == 0, "\(count) elements do not fill blocks of \(rawValue)")
    return count / blockLength * blockBytes
  }
}

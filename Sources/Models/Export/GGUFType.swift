import TensorCore
import Transformers

/// What the weights of a GGUF file are stored as.
public enum GGUFType: String, Sendable, CaseIterable {
  case f32, f16, bf16
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case q8_0
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case q4_1
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case q4_k

  var elementType: ElementType {
    switch self {
    case .f32: .float32
    case .f16: .float16
    case .bf16: .bfloat16
    case .q8_0: .q8_0
    case .q4_1: .q4_1
    case .q4_k: .q4_K
    }
  }

  /// `general.file_type`, which llama.cpp shows.
  var number: Int {
    switch self {
    case .f32: 0
    case .f16: 1
    case .bf16: 32
    case .q8_0: 7
    case .q4_1: 3
    case .q4_k: 14
    }
  }

  /// What a tensor is stored as where this type is asked for: rows that do not fill blocks of 256 take
  /// Q5_0, and such as do not fill blocks of 32 half precision, as `llama-quantize --pure` has it.
  func elementType(of tensor: GGUFTensor) -> ElementType {
    if tensor.keepsFloats { return .float32 }
    let candidates: [ElementType] =
      self == .q4_k ? [.q4_K, .q5_0, .float16] : [elementType, .float16]
    return candidates.first { tensor.shape.last! % $0.blockLength == 0 }!
  }
}

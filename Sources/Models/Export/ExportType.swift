import Checkpoints
import TensorCore

/// Element types of exported tensors.
public enum ExportType: String, Sendable, CaseIterable {
  case float32
  case bfloat16
  case float16

  var elementType: ElementType {
    switch self {
    case .float32: .float32
    case .bfloat16: .bfloat16
    case .float16: .float16
    }
  }

  /// What a stored type becomes when none is asked for.
  init(_ type: ElementType) {
    switch type {
    case .float16: self = .float16
    case .bfloat16: self = .bfloat16
    default: self = .float32
    }
  }

  /// Beyond 65504 a value would silently become infinite.
  ///
  /// - Throws: `ExportError.overflow` for the first tensor that this type does not hold.
  func require(_ tensors: [SafetensorsWriter.NamedTensor]) throws {
    guard self == .float16 else { return }
    for (name, tensor) in tensors where tensor.elementType != .float16 {
      defer { tensor.releasePages() }
      if let value = firstBeyondFloat16(tensor.widened()) {
        throw ExportError.overflow(tensor: name, value: value)
      }
    }
  }
}

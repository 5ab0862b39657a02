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
}

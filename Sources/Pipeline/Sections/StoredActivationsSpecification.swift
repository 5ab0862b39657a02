import Documents

/// How attention inputs are stored for training layer by layer.
public struct StoredActivationsSpecification: Sendable, Equatable {
  /// Type of the stored numbers.
  public enum Storage: String, CaseIterable, Sendable {
    case float32, bfloat16

    /// Of one number.
    var bytes: Int { self == .bfloat16 ? 2 : 4 }
  }

  /// Of one number of the residual stream, which blocks hand on unrounded.
  static let streamBytes = 4

  /// Type of the stored numbers.
  public var storage: Storage
  /// Layers whose inputs are captured, trained and deleted together.
  public var layersPerBlock: Int

  /// Reads the `activations` of a stage.
  public init(_ reader: DocumentReader) {
    storage = reader.choice(
      "storage", default: .bfloat16,
      "Type of the stored activations; float32 doubles the file and rounds nothing.")
    layersPerBlock = reader.integer(
      "layersPerBlock", in: 1...65_536, default: 1,
      "Layers whose inputs are captured and trained together.")
  }
}

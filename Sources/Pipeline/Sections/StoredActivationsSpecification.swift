import Documents

/// How attention inputs are stored for training layer by layer.
public struct StoredActivationsSpecification: Sendable, Equatable {
  /// Type of the stored numbers.
  public enum Storage: String, CaseIterable, Sendable { case float32, bfloat16 }

  /// Type of the stored numbers.
  public var storage: Storage
  /// Layers whose inputs are captured, trained and deleted together.
  public var layersPerBlock: Int

  /// Reads the `activations` of a stage.
  public init(_ reader: DocumentReader) {
    storage = reader.choice(
      "storage", default: .float32,
      "Type of the stored activations; bfloat16 halves the file and rounds.")
    layersPerBlock = reader.integer(
      "layersPerBlock", in: 1...65_536, default: 1,
      "Layers whose inputs are captured and trained together.")
  }
}

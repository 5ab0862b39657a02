import Documents

/// The stages a recipe may name.
public enum StageRegistry {
  /// Every stage that `stages` may name.
  public static let all: [any StageSpecification.Type] = [
    Pretrain.self,
    SoftmaxLayerSelection.self,
    AttentionTransfer.self,
    OutputAlignment.self,
    LowRankAdaptation.self,
    LogitDistillation.self,
    Finetune.self,
    EmbeddingDistillation.self,
    Evaluate.self,
  ]

  /// - Returns: `nil` after the mistake of an unknown stage.
  static func read(_ reader: DocumentReader) -> (any StageSpecification)? {
    let cases = all.map { type in
      DocumentVariant<any StageSpecification>(type.name) { type.init($0) }
    }
    return reader.variant("stage", of: cases, "What this stage does.")
  }
}

import Transformers

/// What a stage needs, estimated from sizes.
struct StageCost {
  /// Numbers that are trained.
  var parameters: Int
  /// Beside the mapped weights, at the peak.
  var memoryBytes: Int
  /// Checkpoints, artefact and stored activations, at the peak.
  var diskBytes: Int
  /// Floating-point operations for a trained token.
  var operationsPerToken: Double
}

/// The sizes that estimates are made of.
struct StageSizes {
  let configuration: DecoderConfiguration
  /// Tokens.
  let sequenceLength: Int
  let convertedLayers: Int
  let mixerParameters: Int
  /// Tokens that go through the model together.
  let rows: Int
  /// Tokens that the stage trains on.
  let tokens: Int

  var hidden: Int { configuration.hiddenSize }
  /// Width of the queries.
  var heads: Int { configuration.attention.queryWidth }
  private var layerParameters: Int {
    (configuration.approximateParameters - configuration.tableParameters) / configuration.layers
  }
  /// Weights of the replaced attention's four projections.
  var projectionParameters: Int {
    2 * hidden * (heads + configuration.attention.keyWidth) * convertedLayers
  }
  /// Operations of a token's way through the projections of all layers.
  var bodyOperations: Double { 2 * Double(layerParameters * configuration.layers) }
  var headOperations: Double {
    configuration.hasHead ? 2 * Double(configuration.vocabularySize * hidden) : 0
  }
  /// Softmax in every layer: two products of every pair, half of them where it is causal.
  var softmaxOperations: Double {
    Double((configuration.isEncoder ? 4 : 2) * sequenceLength * heads * configuration.layers)
  }
  /// Features, window and state of the replaced attention, forward.
  var mixerOperations: Double { Double(12 * 64 * heads * convertedLayers) * 2 }
  /// Of the layers as they are in the student.
  var attentionOperations: Double {
    softmaxOperations * Double(configuration.layers - convertedLayers)
      / Double(configuration.layers) + mixerOperations
  }

  /// Scratch that every stage has: widened weights and one layer's tensors, bytes.
  var scratchBytes: Int {
    4 * (rows * (6 * hidden + 8 * heads + 3 * configuration.intermediateSize) + (4 << 20))
  }

  /// What the tape keeps of a batch, and a tile of logits.
  func graphBytes(isCheckpointed: Bool) -> Int {
    let layer = 4 * rows * (6 * hidden + 10 * heads + 2 * configuration.intermediateSize)
    let logits = configuration.hasHead ? 4 * 128 * configuration.vocabularySize : 0
    return isCheckpointed
      ? layer + 4 * rows * hidden * configuration.layers + logits
      : layer * configuration.layers + logits
  }

  /// Every weight trained: weights as they were, trained, best, their gradients and
  /// two moments; gradients for weights cost as much as those for inputs.
  func allWeights(isCheckpointed: Bool) -> StageCost {
    let parameters = configuration.approximateParameters + mixerParameters
    let forwards = isCheckpointed ? 2.0 : 1.0
    return StageCost(
      parameters: parameters,
      memoryBytes: 4 * parameters * 6 + graphBytes(isCheckpointed: isCheckpointed) + scratchBytes,
      diskBytes: 4 * parameters * 13,
      operationsPerToken: (forwards + 2) * (bodyOperations + attentionOperations)
        + 3 * headOperations)
  }

  /// Layers trained one by one beside the teacher's pass: weights as they were, trained, best, their
  /// gradients and two moments.
  ///
  /// - Parameter trainedOperations: of a token's way forward through what is trained.
  func transfer(
    parameters: Int, trainedOperations: Double, activations: StoredActivationsSpecification?
  ) -> StageCost {
    var disk = 4 * parameters * 12
    if let activations {
      let bytes = activations.storage == .bfloat16 ? 2 : 4
      disk += tokens * hidden * (bytes * activations.layersPerBlock + 4) * 2
    }
    return StageCost(
      parameters: parameters, memoryBytes: 4 * parameters * 6 + scratchBytes, diskBytes: disk,
      operationsPerToken: bodyOperations + softmaxOperations + 3 * trainedOperations)
  }
}

import Operations
import Students
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
  /// nil where none are stored.
  var storedActivations: StoredActivationBytes?
}

/// Bytes of the files that a stage trains from.
struct StoredActivationBytes {
  /// At a time: a block's file, and that of the one before, which it starts from.
  var peak: Int
  /// Of all files, one after the other.
  var written: Int

  /// - Parameters:
  ///   - tokens: of all sequences that the stage sees, each once.
  ///   - layers: up to the last one that is converted.
  init(
    _ specification: StoredActivationsSpecification, tokens: Int, hidden: Int, layers: Int
  ) {
    let size = specification.layersPerBlock
    let blocks = stride(from: 0, to: layers, by: size).map { start in
      tokens * hidden
        * (specification.storage.bytes * min(size, layers - start)
          + StoredActivationsSpecification.streamBytes)
    }
    written = blocks.reduce(0, +)
    peak = blocks.prefix(2).reduce(0, +)
  }
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
  /// Tokens of the sequences that the stage sees, those of validation too, each once.
  let distinctTokens: Int
  /// Layers up to the last one that is converted.
  private let reachedLayers: Int
  /// A token's operations in the replaced attention of all layers, forward.
  let mixerOperations: Double
  /// The same in the attention of all layers, as it is in the student and as it is in the teacher.
  let attentionOperations, softmaxOperations: Double
  /// Numbers that a tape keeps of a token's attention, one a layer.
  private let keptElements: [Int]

  init(
    _ decoder: Decoder, sequenceLength: Int, rows: Int, tokens: Int, distinctTokens: Int? = nil
  ) {
    configuration = decoder.configuration
    self.sequenceLength = sequenceLength
    convertedLayers = decoder.convertedLayers.count
    mixerParameters = decoder.parameters.reduce(0) { $0 + $1.parameter.value.count }
    self.rows = rows
    self.tokens = tokens
    self.distinctTokens = distinctTokens ?? tokens
    reachedLayers = (decoder.convertedLayers.last ?? -1) + 1
    let attention = decoder.configuration.attention
    let costs = decoder.layers.map { $0.mixer.cost(length: sequenceLength) }
    attentionOperations = costs.reduce(0) { $0 + $1.operations }
    mixerOperations = decoder.convertedLayers.reduce(0) { $0 + costs[$1].operations }
    softmaxOperations = decoder.layers.reduce(0) {
      $0 + $1.teacherMixer.cost(length: sequenceLength).operations
    }
    keptElements = zip(decoder.layers, costs).map { layer, cost in
      // Queries, keys and values are the mixer's own where it makes them of the stream.
      let inputs =
        layer.mixer is any StreamMixer ? 0 : attention.queryWidth + 2 * attention.keyWidth
      return inputs + Int(cost.keptElements) + attention.queryWidth
    }
  }

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

  /// Scratch that every stage has: widened weights and one layer's tensors, bytes.
  var scratchBytes: Int {
    4 * (rows * (6 * hidden + 8 * heads + 3 * configuration.intermediateSize) + (4 << 20))
  }

  /// What the tape keeps of a batch, and a tile of logits.
  func graphBytes(isCheckpointed: Bool) -> Int {
    let blocks = keptElements.map { $0 + 6 * hidden + 2 * configuration.intermediateSize }
    let vocabulary = configuration.vocabularySize
    let logits =
      configuration.hasHead
      ? 4 * min(rows, LogitHead.tileRows(vocabulary: vocabulary)) * vocabulary : 0
    // Layer by layer computed again, of which the inputs are kept.
    let elements =
      isCheckpointed
      ? (blocks.max() ?? 0) + hidden * configuration.layers : blocks.reduce(0, +)
    return 4 * rows * elements + logits
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
      operationsPerToken: (forwards + 2) * bodyOperations + 3 * headOperations
        + (forwards + MixerCost.backwardFactor) * attentionOperations)
  }

  /// Layers trained one by one beside the teacher's pass: weights as they were, trained, best, their
  /// gradients and two moments.
  ///
  /// - Parameter trainedOperations: of a token's way forward through what is trained.
  func transfer(
    parameters: Int, trainedOperations: Double, activations: StoredActivationsSpecification?
  ) -> StageCost {
    let stored = activations.map {
      StoredActivationBytes(
        $0, tokens: distinctTokens, hidden: hidden, layers: reachedLayers)
    }
    return StageCost(
      parameters: parameters, memoryBytes: 4 * parameters * 6 + scratchBytes,
      diskBytes: 4 * parameters * 12 + (stored?.peak ?? 0),
      operationsPerToken: bodyOperations + softmaxOperations
        + (1 + MixerCost.backwardFactor) * trainedOperations, storedActivations: stored)
  }
}

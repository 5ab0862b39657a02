import Operations
import Students
import TensorCore

extension Decoder {
  /// Indices of the layers whose attention was replaced.
  public var convertedLayers: [Int] {
    layers.filter { !($0.mixer is SoftmaxAttentionMixer) }.map(\.index)
  }

  /// Gives every layer the student's mixer, and those that keep softmax the teacher's.
  ///
  /// - Throws: `ModelError` with every reason why the student cannot stand on this teacher.
  public func install(_ student: StudentSpecification, seed: UInt64, location: String) throws {
    var problems = student.softmaxLayers.problems(of: layers.count).map {
      "student.softmaxLayers \($0)"
    }
    if let geometry = layers.first?.geometry {
      problems += student.mixer.conflicts(with: geometry).map { "student.\($0)" }
    }
    if !problems.isEmpty { throw ModelError(location: location, problems: problems) }
    let kept = student.softmaxLayers.layers(of: layers.count)
    for layer in layers {
      layer.mixer =
        kept.contains(layer.index)
        ? layer.teacherMixer : student.mixer.makeMixer(layer.geometry, seed: seed)
    }
  }

  /// The same weights and adapters, with other mixers on some layers.
  ///
  /// - Parameter mixer: what a layer gets; nil leaves its own.
  public func replacingMixers(_ mixer: (DecoderLayer) -> (any TokenMixer)?) -> Decoder {
    let decoder = Decoder(configuration: configuration, weights: weights)
    for (copy, layer) in zip(decoder.layers, layers) {
      copy.mixer = mixer(layer) ?? layer.mixer
      copy.adapters = layer.adapters
    }
    return decoder
  }

  /// Puts adapters on the given projections of every layer whose attention was replaced.
  public func addAdapters(
    _ projections: [AttentionProjection], rank: Int, alpha: Float, dropout: Float, seed: UInt64
  ) {
    let hidden = configuration.hiddenSize
    let attention = configuration.attention
    for layer in layers where !(layer.mixer is SoftmaxAttentionMixer) {
      for projection in projections {
        let (inputs, outputs) =
          switch projection {
          case .queries: (hidden, attention.queryWidth)
          case .keys, .values: (hidden, attention.keyWidth)
          case .output: (attention.queryWidth, hidden)
          }
        layer.adapters[projection] = LowRankAdapter(
          projection, layer: layer.index, inputs: inputs, outputs: outputs, rank: rank,
          alpha: alpha, dropout: dropout, seed: seed)
      }
    }
  }

  /// Adds every adapter into its projection, which becomes the decoder's own, and takes the
  /// adapters off.
  public func mergeAdapters() {
    for layer in layers {
      for (role, adapter) in layer.adapters {
        var weight = layer.projection(role).weight.tensor
        accumulate(adapter.delta, into: &weight)
        replaceWeight(
          "model.layers.\(layer.index).self_attn.\(role.checkpointName).weight", with: weight)
      }
      layer.adapters = [:]
    }
  }
}

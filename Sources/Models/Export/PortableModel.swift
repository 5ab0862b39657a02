import Documents
import Operations
import Students
import TensorCore
import Transformers

/// A student as the Python module of its exported folder reads it: sizes, positions, what the layers
/// are made of and where the checkpoint has each weight. The module knows no families: this says
/// what differs between them.
struct PortableModel {
  /// The `model` of a configuration's `linearize`.
  let document: JSONValue

  /// - Parameters:
  ///   - shapes: of the tensors as they are written.
  ///   - isTransposed: whether a tensor is written transposed to what the decoder was read from.
  /// - Throws: `ExportError.notCarried`.
  init(
    _ model: LoadedModel, student: StudentArtefact, shapes: [String: [Int]],
    isTransposed: @escaping (String) -> Bool
  ) throws {
    let decoder = model.decoder
    let configuration = decoder.configuration
    var places = PortablePlaces(shapes: shapes, isTransposed: isTransposed)
    let weights = decoder.weights
    let outer: JSONValue = [
      "embedding": places.table(weights.embedding),
      "positions": weights.positions.map { places.table($0) } ?? .null,
      "tokenTypes": weights.tokenTypes.map { places.table($0) } ?? .null,
      "embeddingNorm": places.norm(weights.embeddingNorm),
      "finalNorm": places.norm(weights.finalNorm),
      "head": decoder.isHeadTied ? .null : weights.head.map { places.table($0) } ?? .null,
    ]
    let blocks = weights.blocks.indices.map { index in
      places.layer = index
      return places.block(weights.blocks[index])
    }
    if let other = blocks.firstIndex(where: { $0 != blocks[0] }) {
      throw ExportError.notCarried(
        path: model.location, found: "layer \(other), whose tensors are not those of layer 0",
        expected: "layers of one kind, for example a bias in all of them or in none")
    }
    document = [
      "hiddenSize": .integer(configuration.hiddenSize), "layers": .integer(configuration.layers),
      "intermediateSize": .integer(configuration.intermediateSize),
      "vocabularySize": .integer(configuration.vocabularySize),
      "maximumPositions": .integer(configuration.maximumPositions),
      "maximumLength": decoder.lengthLimit.map { .integer($0.tokens) } ?? .null,
      "attention": Self.attention(configuration.attention),
      "activation": .string(configuration.feedForward.activation.rawValue),
      "logits": Self.transform(configuration.logits),
      "embeddingScale": configuration.embeddingScale.map { .number(Double($0)) } ?? .null,
      "rotary": try Self.rotary(configuration.positions, model.location),
      "slidingWindows": .array(
        configuration.slidingWindows.map { $0.map { .integer($0) } ?? .null }),
      "convertedLayers": .array(decoder.convertedLayers.map { .integer($0) }),
      "student": try PortableStudent.document(student.student, location: model.location),
      "adapterScale": student.adapters.map { .number($0.alpha / Double($0.rank)) } ?? .null,
      "tensors": outer, "block": blocks.first ?? .null, "own": PortableParameters(decoder).document,
    ]
  }

  private static func attention(_ shape: AttentionShape) -> JSONValue {
    [
      "queryHeads": .integer(shape.queryHeads), "keyValueHeads": .integer(shape.keyValueHeads),
      "headDim": .integer(shape.headDim), "scale": .number(Double(shape.scale)),
      "softCap": shape.softCap.map { .number(Double($0)) } ?? .null,
      "isCausal": .bool(shape.isCausal),
    ]
  }

  private static func transform(_ transform: ScoreTransform) -> JSONValue {
    [
      "scale": .number(Double(transform.scale)),
      "cap": transform.cap.map { .number(Double($0)) } ?? .null,
    ]
  }

  /// Tables of frequencies, and which of them each layer has; null for learned positions.
  private static func rotary(
    _ positions: DecoderConfiguration.Positions, _ location: String
  ) throws -> JSONValue {
    guard case .rotary(let layers) = positions else { return .null }
    if layers.contains(where: { $0?.isDynamic ?? false }) {
      throw ExportError.notCarried(
        path: location, found: "a rotary base that grows with the sequence (rope_type dynamic)",
        expected: "a teacher with frequencies of its own, or that do not depend on the length")
    }
    var kinds: [RotaryEmbedding] = []
    let indices = layers.map { rotary -> JSONValue in
      guard let rotary else { return .null }
      if let known = kinds.firstIndex(of: rotary) { return .integer(known) }
      kinds.append(rotary)
      return .integer(kinds.count - 1)
    }
    let tables = kinds.map { rotary -> JSONValue in
      [
        "frequencies": .array(rotary.frequencies.map { .number($0) }),
        "longFrequencies": rotary.longFrequencies.map { .array($0.map { .number($0) }) } ?? .null,
        "originalContext": rotary.longFrequencies == nil
          ? .null : .integer(rotary.originalContext),
        "amplitude": .number(rotary.amplitude),
      ]
    }
    return ["tables": .array(tables), "layers": .array(indices)]
  }
}

/// What a student has beyond its teacher: every tensor of the mixers, and adapters.
private struct PortableParameters {
  /// Shapes by name, `{}` for the layer, with the layers that have it.
  let document: JSONValue

  init(_ decoder: Decoder) {
    var found: [(pattern: String, shape: [Int], layers: [Int])] = []
    for layer in decoder.layers {
      let own =
        layer.parameters.map { ($0.name, $0.value.shape.dimensions) }
        + layer.mixer.constants.map { ($0.name, $0.value.shape.dimensions) }
      for (name, shape) in own {
        let pattern = "model.layers.{}.self_attn.\(name)"
        if let index = found.firstIndex(where: { $0.pattern == pattern && $0.shape == shape }) {
          found[index].layers.append(layer.index)
        } else {
          found.append((pattern, shape, [layer.index]))
        }
      }
    }
    document = .array(
      found.map { pattern, shape, layers in
        [
          "name": .string(pattern), "shape": .array(shape.map { .integer($0) }),
          "layers": .array(layers.map { .integer($0) }),
        ]
      })
  }
}

import Documents
import Foundation
import Operations
import Students
import TensorCore

/// A mixer by its definition, in `Double`.
protocol NaiveTwin {
  var attention: AttentionShape { get }
  /// By the names of checkpoints.
  var parameters: [String: [Double]] { get set }
  /// Whether the mixer rounds a state at every token, which its outputs then show.
  var isRecurrent: Bool { get }
  /// `[rows, queryHeads * headDim]`.
  func output(_ operands: MixerOperands, layout: SequenceLayout) -> [Double]
}

extension NaiveTwin {
  var isRecurrent: Bool { false }
}

/// A recurrent student by its definition, which may also be the memory beside a window.
protocol RecurrentTwin: NaiveTwin {
  /// A window whose keys the state is fed only when they leave it, and sinks that it never is.
  var delay: (size: Int, sinks: Int)? { get set }
}

extension RecurrentTwin {
  var isRecurrent: Bool { true }
}

/// nil for mixers that have no twin yet.
func naiveTwin(_ testCase: StudentCase, _ mixer: any TokenMixer) -> (any NaiveTwin)? {
  NaiveStudent(testCase, mixer) ?? NaiveRAD(testCase, mixer)
    ?? NaiveGatedDeltaNet(testCase, mixer) ?? NaiveMamba2(testCase, mixer)
    ?? NaiveWindowMemory(testCase, mixer)
}

/// A feature-map mixer by its definition, in `Double`: the document read anew, loops over heads.
struct NaiveStudent: NaiveTwin {
  let attention: AttentionShape
  let window: AttentionWindow
  let sinks: Int
  let isAffine: Bool
  let map: NaiveFeatureMap
  let hasSkipConnection: Bool
  /// By the names of checkpoints; of a tied map only those of the queries.
  var parameters: [String: [Double]]

  /// nil for mixers that are not made of feature maps.
  init?(_ testCase: StudentCase, _ mixer: any TokenMixer) {
    let document = testCase.document
    let size = document["windowSize"]?.intValue ?? 64
    switch testCase.mixerName {
    case "linear": window = .none
    case "sliding-window": window = .sliding(size)
    case "terrace-window": window = .terrace(size)
    default: return nil
    }
    attention = StudentCase.geometry.attention
    sinks = document["sinks"]?.intValue ?? 0
    isAffine = document["affineAttentionFactors"]?.boolValue ?? false
    let map = document["featureMap"]!
    guard let features = NaiveFeatureMap(map) else { return nil }
    self.map = features
    hasSkipConnection = map["skipConnection"]?.boolValue ?? false
    parameters = Dictionary(
      uniqueKeysWithValues: mixer.parameters.map { ($0.name, $0.value.elements.map(Double.init)) })
  }

  /// Coordinates that the map acts on.
  private var dim: Int {
    parameters["feature_map_q.mlp.layer"].map { $0.count / attention.queryWidth }
      ?? attention.headDim
  }

  func output(_ operands: MixerOperands, layout: SequenceLayout) -> [Double] {
    attend(operands, layout: layout).output
  }

  /// Outputs with every weight of the other half set to zero.
  func output(_ operands: MixerOperands, only part: MixerPart) -> [Double] {
    let layout = SequenceLayout(length: operands.rows)
    if part == .memory { return attend(operands, layout: layout, mutesWindow: true).output }
    return attend(operands, layout: layout, mutesLinear: true).output
  }

  /// Soft cross-entropy of attention rows against softmax attention over `teacherWindow` keys,
  /// averaged over heads and rows.
  func weightCrossEntropy(
    _ operands: MixerOperands, layout: SequenceLayout, teacherWindow: Int?
  ) -> Double {
    let heads = attention.queryHeads
    let weights = attend(operands, layout: layout).weights
    var loss = 0.0
    for (index, segment) in layout.segments.enumerated() {
      for head in 0..<heads {
        let keys = Self.columns(
          operands.keys, segment, attention.keyValueHeads, head / attention.group,
          attention.headDim)
        let teacher = Naive.softmaxAttention(
          queries: Self.columns(operands.queries, segment, heads, head, attention.headDim),
          keys: keys,
          values: keys, headDim: attention.headDim, scale: Double(attention.scale),
          window: teacherWindow
        ).weights
        for (truth, weight) in zip(teacher, weights[index * heads + head]) where truth > 0 {
          loss -= truth * log(max(weight, 1e-12))
        }
      }
    }
    return loss / Double(heads * layout.segments.reduce(0) { $0 + $1.count })
  }

  /// Outputs `[rows, queryHeads * headDim]`, and weights `[count, count]` for every segment and
  /// head, heads innermost.
  private func attend(
    _ operands: MixerOperands, layout: SequenceLayout, mutesWindow: Bool = false,
    mutesLinear: Bool = false
  ) -> (output: [Double], weights: [[Double]]) {
    let (d, heads) = (attention.headDim, attention.queryHeads)
    let found = features(operands, layout: layout)
    let queryFeatures = found.queries.map { mutesLinear ? 0 : $0 }
    let keyFeatures = found.keys
    let featureDim = keyFeatures.count / layout.rows / heads
    var output = [Double](repeating: 0, count: layout.rows * attention.queryWidth)
    var weights: [[Double]] = []
    for segment in layout.segments {
      for head in 0..<heads {
        let keyHead = head / attention.group
        let result = Naive.hybridAttention(
          queries: Self.columns(operands.queries, segment, heads, head, d),
          keys: Self.columns(operands.keys, segment, attention.keyValueHeads, keyHead, d),
          values: Self.columns(operands.values, segment, attention.keyValueHeads, keyHead, d),
          queryFeatures: Self.columns(queryFeatures, segment, heads, head, featureDim),
          keyFeatures: Self.columns(keyFeatures, segment, heads, head, featureDim),
          factor: parameters["window_factors"]?[head] ?? 0, headDim: d, featureDim: featureDim,
          scale: Double(attention.scale), window: window, sinks: sinks, isAffine: isAffine,
          mutesWindow: mutesWindow)
        weights.append(result.weights)
        for (index, row) in segment.rows.enumerated() {
          for column in 0..<d {
            output[(row * heads + head) * d + column] = result.output[index * d + column]
          }
        }
      }
    }
    return (output, weights)
  }

  /// Features of queries and keys, `[rows, queryHeads * featureDim]` each.
  func features(_ operands: MixerOperands, layout: SequenceLayout) -> (
    queries: [Double], keys: [Double]
  ) {
    (
      features(operands.queries, inputHeads: attention.queryHeads, side: .queries, layout),
      features(operands.keys, inputHeads: attention.keyValueHeads, side: .keys, layout)
    )
  }

  /// One head's columns of one segment's rows.
  static func columns(
    _ x: [Double], _ segment: SequenceLayout.Segment, _ heads: Int, _ head: Int, _ width: Int
  ) -> [Double] {
    segment.rows.flatMap { row in (0..<width).map { x[(row * heads + head) * width + $0] } }
  }

  /// Features, `[rows, queryHeads * featureDim]`.
  private func features(
    _ x: [Double], inputHeads: Int, side: FeatureMapInput.Side, _ layout: SequenceLayout
  ) -> [Double] {
    let heads = attention.queryHeads
    let own = side == .queries ? "q" : "k"
    let name = parameters["feature_map_\(own).mlp.layer"] == nil ? "q" : own
    var coordinates: [Double]
    if let weight = parameters["feature_map_\(name).mlp.layer"] {
      coordinates = Naive.featureProjection(
        x, weight: weight, bias: parameters["feature_map_\(name).mlp.bias"],
        shape: FeatureProjectionShape(
          queryHeads: heads, inputHeads: inputHeads, headDim: attention.headDim,
          projectionDim: dim, skipConnection: hasSkipConnection))
    } else {
      let d = attention.headDim
      coordinates = (0..<layout.rows).flatMap { row in
        (0..<heads).flatMap { head in
          let start = (row * inputHeads + head / (heads / inputHeads)) * d
          return x[start..<start + d]
        }
      }
    }
    let scale =
      parameters["feature_map_q.mlp.layer"] == nil
      ? Double(attention.scale) : 1 / Double(dim).squareRoot()
    let positions = layout.positions
    return (0..<layout.rows * heads).flatMap { row in
      map.features(
        Array(coordinates[row * dim..<(row + 1) * dim]), side: side, scale: scale,
        position: Double(positions[row / heads]))
    }
  }
}

import Differentiation
import Documents
import Operations
import Students
import TensorCore
import TestSupport
import Testing

/// A student as a recipe describes it, on a layer of 4 query heads that share 2 key heads of 6
/// coordinates. `all` walks the registry, and takes from each mixer's schema the options it has.
struct StudentCase: Sendable, CustomTestStringConvertible {
  let document: JSONValue
  var testDescription: String { document.compact }

  static let geometry = LayerGeometry(
    layer: 1, attention: AttentionShape(queryHeads: 4, keyValueHeads: 2, headDim: 6),
    hiddenSize: 24)

  var mixerName: String { document["mixer"]!.stringValue! }

  func specification() throws -> StudentSpecification {
    try DocumentReader.read(document, StudentSpecification.init)
  }

  static let seed: UInt64 = 5

  /// A mixer as it starts.
  func freshMixer(_ geometry: LayerGeometry = geometry, seed: UInt64 = seed) throws
    -> any TokenMixer
  {
    try specification().mixer.makeMixer(geometry, seed: seed)
  }

  /// A mixer whose parameters have all moved, heads and maps apart from each other.
  func trainedMixer() throws -> any TokenMixer {
    let mixer = try freshMixer()
    var draw = TestValues(3)
    for parameter in mixer.parameters {
      let moves = draw.normal(parameter.value.count, scale: 0.4)
      parameter.value = Tensor(
        zip(parameter.value.elements, moves).map { $0 + Float($1) }, parameter.value.shape)
    }
    return mixer
  }

  /// Whether the mixer has any parameter.
  var isTrained: Bool {
    do {
      return try !freshMixer().parameters.isEmpty
    } catch {
      preconditionFailure("\(document.compact): \(error)")
    }
  }

  static let all: [StudentCase] = StudentRegistry.mixers.flatMap { mixer in
    let known = keys(DocumentReader.schema { _ = mixer.init($0) })
    let options = windowOptions.filter { $0.keys.allSatisfy(known.contains) }
    let maps = known.contains("featureMap") ? featureMaps : [nil]
    return maps.enumerated().map { index, map in
      // Neighbouring maps meet different options; over the registry every pair that matters occurs.
      var members = options.isEmpty ? JSONObject() : options[index % options.count]
      members["mixer"] = .string(mixer.name)
      if let map { members["featureMap"] = .object(map) }
      return StudentCase(document: .object(members))
    }
  }

  private static let windowOptions: [JSONObject] = [
    ["windowSize": 8],
    ["windowSize": 8, "sinks": 3, "affineAttentionFactors": true],
    ["windowSize": 1, "sinks": 1],
    ["windowSize": 64, "affineAttentionFactors": true],
    ["windowSize": 5, "initialWindowFactor": 0.7],
  ]

  private static let featureMaps: [JSONObject?] = StudentRegistry.featureMaps.flatMap { map in
    let known = keys(DocumentReader.schema { _ = map.init($0) })
    let isLearned = StudentCase(
      document: ["mixer": "linear", "featureMap": ["kind": .string(map.name)]]
    ).isTrained
    let own = ownOptions.filter { $0.keys.allSatisfy(known.contains) }
    // A word that both kinds of map take; which is the default differs.
    let other: JSONObject =
      isLearned ? ["projection": "none"] : ["projection": "learned", "initialization": "identity"]
    let options =
      (isLearned ? learnedOptions : projectedOptions) + [other]
      + (known.contains("space") ? [["space": "half", "projectionDim": 9]] : []) + own
    return options.map {
      var members = $0
      members["kind"] = .string(map.name)
      return members
    }
  }

  /// For maps that have a learned projection unless told otherwise.
  private static let learnedOptions: [JSONObject] = [
    [:],
    ["tied": true],
    ["bias": true],
    ["skipConnection": true, "initialization": "zero"],
    ["skipConnection": true, "initialization": "kaiming", "tied": true, "bias": true],
    ["initialization": "kaiming", "projectionDim": 5],
    ["bias": true, "biasShape": "coordinate"],
  ]

  /// For maps that act on queries and keys themselves unless told otherwise.
  private static let projectedOptions: [JSONObject] = [
    [:],
    ["projection": "learned", "initialization": "kaiming", "projectionDim": 5, "bias": true],
  ]

  /// Options of single maps, away from their defaults.
  private static let ownOptions: [JSONObject] = [
    ["randomFeatures": 13, "epsilon": 1e-3], ["maximumLength": 1000], ["temperature": 0.5],
    ["nu": 1], ["nu": 7],
  ]

  private static func keys(_ schema: JSONValue) -> Set<String> {
    Set(schema["properties"]?.objectValue?.keys ?? [])
  }
}

/// Queries, keys and values of one layer.
struct MixerOperands: Sendable {
  let attention: AttentionShape
  var queries, keys, values: [Double]

  init(_ attention: AttentionShape, rows: Int, seed: UInt64 = 7) {
    self.attention = attention
    var draw = TestValues(seed)
    queries = draw.normal(rows * attention.queryWidth)
    keys = draw.normal(rows * attention.keyWidth)
    values = draw.normal(rows * attention.keyWidth)
  }

  private init(
    _ attention: AttentionShape, _ queries: [Double], _ keys: [Double], _ values: [Double]
  ) {
    self.attention = attention
    (self.queries, self.keys, self.values) = (queries, keys, values)
  }

  var rows: Int { queries.count / attention.queryWidth }

  subscript(range: Range<Int>) -> MixerOperands {
    let part = { (x: [Double], width: Int) in
      Array(x[range.lowerBound * width..<range.upperBound * width])
    }
    return MixerOperands(
      attention, part(queries, attention.queryWidth), part(keys, attention.keyWidth),
      part(values, attention.keyWidth))
  }

  var tensors: (queries: Tensor, keys: Tensor, values: Tensor) {
    (
      Tensor(queries.map(Float.init), [rows, attention.queryWidth]),
      Tensor(keys.map(Float.init), [rows, attention.keyWidth]),
      Tensor(values.map(Float.init), [rows, attention.keyWidth])
    )
  }
}

extension TokenMixer {
  /// The parallel form of one sequence, or of what `layout` says.
  func output(_ operands: MixerOperands, layout: SequenceLayout? = nil) -> Tensor {
    let tape = Tape(isRecording: false)
    let (queries, keys, values) = operands.tensors
    return mix(
      MixerInput(
        queries: tape.constant(queries), keys: tape.constant(keys), values: tape.constant(values),
        layout: layout ?? SequenceLayout(length: operands.rows)),
      on: tape
    ).value
  }

  /// Gradients of `sum(output * upstream)`, of parameters by name and of the three inputs.
  func gradients(
    _ operands: MixerOperands, upstream: [Double], layout: SequenceLayout? = nil
  ) -> [String: Tensor] {
    let tape = Tape()
    let (queries, keys, values) = operands.tensors
    let leaves = [tape.leaf(queries), tape.leaf(keys), tape.leaf(values)]
    for parameter in parameters { parameter.gradient = nil }
    let output = mix(
      MixerInput(
        queries: leaves[0], keys: leaves[1], values: leaves[2],
        layout: layout ?? SequenceLayout(length: operands.rows)),
      on: tape)
    tape.backward(from: [(output, Tensor(upstream.map(Float.init), output.value.shape))])
    var gradients: [String: Tensor] = [:]
    for (name, leaf) in zip(["queries", "keys", "values"], leaves) {
      gradients[name] = leaf.gradient
    }
    for parameter in parameters { gradients[parameter.name] = parameter.gradient }
    return gradients
  }
}

func dot(_ left: [Float], _ right: [Double]) -> Double {
  zip(left, right).reduce(0) { $0 + Double($1.0) * $1.1 }
}

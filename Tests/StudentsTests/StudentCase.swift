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
    layer: 1, layers: 3, attention: AttentionShape(queryHeads: 4, keyValueHeads: 2, headDim: 6),
    hiddenSize: 20, hasRotaryPositions: true)

  var mixerName: String { document["mixer"]?.stringValue ?? "window-memory" }

  /// Whether what is read of the state goes through a norm without anything beside it.
  var normsItsState: Bool {
    [document["mixer"], document["memory"]?["kind"]].contains("gated-delta-net")
  }

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
    if let options = mixerOptions[mixer.name] {
      return options.map {
        var members = $0
        members["mixer"] = .string(mixer.name)
        return StudentCase(document: .object(members))
      }
    }
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

  /// Of mixers without a feature map.
  private static let mixerOptions: [String: [JSONObject]] = [
    "rad-rwkv6": [
      ["tokenShiftRank": 3, "decayRank": 4],
      ["decayRank": 4, "gateRankType": 2, "gateRank": 5, "groupNorm": true, "rotary": true],
      ["gateRankType": 0, "tokenShift": false, "balanceState": false, "decayStart": "scheduled"],
    ],
    "rad-rwkv7": [
      ["decayRank": 4, "learningRateRank": 3, "valueMixRank": 2, "gateRank": 5],
      ["balanceState": false],
      ["balanceState": false, "groupNorm": false, "gateRankType": 1, "rotary": false],
      ["gateRankType": 0, "groupNorm": true],
    ],
    "qlinatt": [[:], ["rotary": false]],
    "gated-delta-net": [[:], ["initialTap": 0.3, "gateStart": "zero"]],
    "mamba-2": [[:], ["initialTap": 0.3]],
    "window-memory": windowMemories,
  ]

  /// Every memory with every policy that it can have, and each policy's options.
  private static let windowMemories: [JSONObject] = {
    let maps: [JSONObject] = [
      ["kind": "softmax", "bias": true], ["kind": "dpfp"], ["kind": "exponential"],
    ]
    let windows: [JSONObject] = [
      ["size": 8, "sinks": 3], ["kind": "terrace", "size": 5, "sinks": 0],
      ["size": 1, "sinks": 1], ["kind": "terrace", "size": 64],
    ]
    let joins: [(policy: JSONObject, keys: String)] = [
      (["kind": "shared"], "older"),
      (["kind": "shared", "units": "rowMax"], "older"),
      (["kind": "average"], "all"),
      (["kind": "average"], "older"),
      (["kind": "normed-average"], "all"),
      (["kind": "normed-average", "trainShare": true], "older"),
      (["kind": "alpha-sum"], "all"),
      (["kind": "gated", "initialBias": -1], "older"),
      (["kind": "gated", "initialBias": -1], "all"),
      (["kind": "projected-sum"], "older"),
    ]
    let recurrent: [JSONObject] = [
      ["kind": "rad-rwkv6", "tokenShiftRank": 3, "decayRank": 4],
      [
        "kind": "rad-rwkv7", "decayRank": 4, "learningRateRank": 3, "valueMixRank": 2,
        "gateRank": 5,
      ],
      ["kind": "qlinatt"], ["kind": "gated-delta-net"], ["kind": "mamba-2"],
    ]
    let features = joins.enumerated().map { index, join -> JSONObject in
      [
        "policy": .object(join.policy), "window": .object(windows[index % windows.count]),
        "memory": [
          "kind": "feature-map", "keys": .string(join.keys),
          "featureMap": .object(maps[index % maps.count]),
        ],
      ]
    }
    let others = recurrent.flatMap { memory in
      joins.filter { $0.policy["kind"] != "shared" }.enumerated().map { index, join -> JSONObject in
        var memory = memory
        memory["keys"] = .string(join.keys)
        let window = join.keys == "all" ? windows[index % 4] : windows[index / 2 % 2 * 2]
        return [
          "policy": .object(join.policy), "window": .object(window), "memory": .object(memory),
        ]
      }
    }
    return features + others
  }()

  /// Registered mixers that are made of a feature map.
  static let mapMixers = StudentRegistry.mixers.filter {
    hasFeatureMap($0)
  }.map { $0.name }

  private static func hasFeatureMap(_ mixer: any MixerSpecification.Type) -> Bool {
    keys(DocumentReader.schema { _ = mixer.init($0) }).contains("featureMap")
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

import Documents
import Students

/// What of a student the Python module of exported folders computes. A recipe that says anything else
/// is refused: run regardless, its model would be another one.
enum PortableStudent {
  /// What may stand in an object of the recipe: the words of the key that chooses a kind, with the
  /// options of each.
  private struct Choice {
    let what: String
    /// nil: there is no choice.
    var key: String?
    /// Options that every kind has.
    var shared: Set<String> = []
    let options: [String: Set<String>]
    /// Options that are objects themselves.
    var nested: [String: Choice] = [:]
  }

  private static let windowOptions: Set<String> = [
    "windowSize", "sinks", "affineAttentionFactors", "initialWindowFactor", "trainWindowFactor",
    "featureMap",
  ]
  private static let sixth: Set<String> = [
    "tokenShift", "balanceState", "groupNorm", "rotary", "gateRankType", "tokenShiftRank",
    "decayRank", "gateRank", "decayStart",
  ]
  private static let seventh: Set<String> = [
    "balanceState", "groupNorm", "rotary", "gateRankType", "decayRank", "learningRateRank",
    "valueMixRank", "gateRank", "decayStart",
  ]

  private static let convolved: Set<String> = ["decayStart", "initialTap"]
  private static let deltaNet = convolved.union(["gateStart"])

  private static let featureMap = Choice(
    what: "the feature map", key: "kind",
    shared: [
      "projection", "projectionDim", "skipConnection", "initialization", "bias", "biasShape",
      "tied",
    ],
    options: [
      "softmax": ["space"], "exponential": [], "shifted-exponential": ["space"],
      "joint-softmax": [], "one-plus-elu": [], "relu": [], "t2r": [],
      "performer": ["randomFeatures", "epsilon"], "cosformer": ["maximumLength"], "taylor": [],
      "exp": ["temperature"], "dpfp": ["nu"],
    ])
  private static let memory = Choice(
    what: "the memory", key: "kind", shared: ["keys"],
    options: [
      "feature-map": ["featureMap"], "rad-rwkv6": sixth, "rad-rwkv7": seventh,
      "qlinatt": ["rotary"], "gated-delta-net": deltaNet,
      "mamba-2": convolved,
    ], nested: ["featureMap": featureMap])
  private static let window = Choice(
    what: "the window", key: "kind", shared: ["size", "sinks"],
    options: ["sliding": [], "terrace": []])
  private static let policy = Choice(
    what: "the policy", key: "kind",
    options: [
      "projected-sum": [], "gated": ["initialBias"],
      "shared": [
        "units", "initialLogFactor", "affineAttentionFactors", "initialWindowFactor",
        "trainWindowFactor",
      ], "average": [], "normed-average": ["trainShare"], "alpha-sum": ["initialAlpha"],
    ])
  private static let mixer = Choice(
    what: "the mixer", key: "mixer", shared: ["softmaxLayers"],
    options: [
      "linear": ["featureMap"], "sliding-window": windowOptions, "terrace-window": windowOptions,
      "rad-rwkv6": sixth, "rad-rwkv7": seventh, "qlinatt": ["rotary"],
      "gated-delta-net": deltaNet, "mamba-2": convolved,
      "window-memory": ["memory", "window", "policy"],
    ],
    nested: [
      "featureMap": featureMap, "memory": memory, "window": window, "policy": policy,
    ])

  /// The recipe's student with every default spelled.
  ///
  /// - Throws: `ExportError.notCarried` for a kind or an option that the module does not know.
  static func document(_ student: JSONValue, location: String) throws -> JSONValue {
    let resolved = try DocumentReader.resolve(student, at: "$.linearize.student") {
      StudentSpecification($0)
    }.resolved
    try check(resolved, location: location)
    return resolved
  }

  /// - Parameter resolved: with every default spelled.
  static func check(_ resolved: JSONValue, location: String) throws {
    try check(resolved, mixer, location: location)
  }

  private static func check(_ value: JSONValue, _ choice: Choice, location: String) throws {
    guard let object = value.objectValue else { return }
    let word = choice.key.flatMap { object[$0]?.stringValue } ?? ""
    guard let options = choice.options[word] else {
      throw ExportError.notCarried(
        path: location, found: "\(choice.what) \"\(word)\"",
        expected: choice.options.keys.sorted().joined(separator: ", "))
    }
    let known = options.union(choice.shared)
    for (key, value) in object.members where key != choice.key {
      guard known.contains(key) else {
        throw ExportError.notCarried(
          path: location, found: "the option \"\(key)\" of \(choice.what) \"\(word)\"",
          expected: known.sorted().joined(separator: ", "))
      }
      if let nested = choice.nested[key] { try check(value, nested, location: location) }
    }
  }
}

import Documents
import Operations

/// Reads a `config.json`, which has many keys that do not concern us, and collects what is missing
/// or of the wrong kind.
public final class ConfigurationReader {
  private let document: JSONValue
  private(set) var problems: [String] = []

  init(_ document: JSONValue) { self.document = document }

  func integer(_ key: String, default fallback: Int? = nil) -> Int {
    value(key, fallback, expected: "a positive integer", placeholder: 1) {
      $0.intValue.flatMap { $0 > 0 ? $0 : nil }
    }
  }

  func optionalInteger(_ key: String) -> Int? {
    has(key) ? integer(key) : nil
  }

  func number(_ key: String, default fallback: Double? = nil) -> Double {
    value(key, fallback, expected: "a number", placeholder: 1) { $0.doubleValue }
  }

  func boolean(_ key: String, default fallback: Bool) -> Bool {
    value(key, fallback, expected: "true or false", placeholder: fallback) { $0.boolValue }
  }

  func string(_ key: String, default fallback: String? = nil) -> String {
    value(key, fallback, expected: "a string", placeholder: "") { $0.stringValue }
  }

  func strings(_ key: String) -> [String]? {
    document[key]?.arrayValue?.compactMap(\.stringValue)
  }

  func object(_ key: String) -> JSONValue? {
    guard let value = document[key], value.objectValue != nil else { return nil }
    return value
  }

  func has(_ key: String) -> Bool { !(document[key] ?? .null).isNull }

  func report(_ problem: String) { problems.append("configuration: \(problem)") }

  private func value<Value>(
    _ key: String, _ fallback: Value?, expected: String, placeholder: Value,
    _ decode: (JSONValue) -> Value?
  ) -> Value {
    guard let value = document[key], !value.isNull else {
      if let fallback { return fallback }
      report("\(key) is missing, expected \(expected)")
      return placeholder
    }
    if let decoded = decode(value) { return decoded }
    report("\(key) is \(value.kindDescription), expected \(expected)")
    return fallback ?? placeholder
  }

  /// The activation that a family's `hidden_act` (or the like) names.
  func activation(_ key: String, default fallback: String? = nil) -> Activation {
    let known: [String: Activation] = [
      "silu": .silu, "swish": .silu, "gelu": .gelu, "gelu_new": .geluTanh,
      "gelu_pytorch_tanh": .geluTanh, "gelu_fast": .geluTanh, "relu": .relu,
    ]
    let name = string(key, default: fallback)
    if let activation = known[name] { return activation }
    report(
      "\(key) \"\(name)\" is not supported; known are \(known.keys.sorted().joined(separator: ", "))"
    )
    return .silu
  }

  /// Attention heads; `head_dim` defaults to the hidden size over the heads.
  func attentionShape(hiddenSize: Int) -> AttentionShape {
    let heads = integer("num_attention_heads")
    let keyValueHeads = integer("num_key_value_heads", default: heads)
    let headDim = optionalInteger("head_dim") ?? max(1, hiddenSize / heads)
    if !has("head_dim"), hiddenSize % heads != 0 {
      report("hidden_size \(hiddenSize) is not a multiple of num_attention_heads \(heads)")
    }
    guard heads % keyValueHeads == 0 else {
      report(
        "num_attention_heads \(heads) is not a multiple of num_key_value_heads \(keyValueHeads)")
      return AttentionShape(queryHeads: 1, keyValueHeads: 1, headDim: headDim)
    }
    return AttentionShape(queryHeads: heads, keyValueHeads: keyValueHeads, headDim: headDim)
  }

  /// Rotary positions in either spelling: `rope_theta` with `rope_scaling`, or, since
  /// transformers 5, `rope_parameters`.
  ///
  /// - Parameters:
  ///   - thetaKey, fractionKey: the family's own older spellings.
  func rotary(
    headDim: Int, thetaKey: String = "rope_theta", fractionKey: String = "partial_rotary_factor",
    defaultFraction: Double = 1
  ) -> RotaryEmbedding {
    let parameters = object("rope_parameters").map(ConfigurationReader.init)
    let scaling = parameters ?? object("rope_scaling").map(ConfigurationReader.init)
    let source = parameters ?? self
    let theta = source.number(
      parameters != nil ? "rope_theta" : thetaKey,
      default: number(thetaKey, default: 10_000))
    let fraction = source.number(
      parameters != nil ? "partial_rotary_factor" : fractionKey,
      default: number(fractionKey, default: defaultFraction))
    let rotaryDim = Int(Double(headDim) * fraction)
    if theta <= 0 { report("rope_theta is \(theta), expected a positive number") }
    guard rotaryDim > 0, rotaryDim <= headDim, rotaryDim % 2 == 0 else {
      report(
        "rotary part of a head is \(fraction) x \(headDim) = \(rotaryDim), expected an even number up to \(headDim)"
      )
      return RotaryEmbedding(rotaryDim: 2, theta: 10_000)
    }
    let result = RotaryEmbedding(
      rotaryDim: rotaryDim, theta: max(theta, 1e-9),
      scaling: scaling.map { ropeScaling($0) } ?? .none)
    for reader in [scaling, parameters].compactMap({ $0 }) where reader !== self {
      for problem in reader.problems where !problems.contains(problem) { problems.append(problem) }
    }
    return result
  }

  private func ropeScaling(_ scaling: ConfigurationReader) -> RotaryEmbedding.Scaling {
    let kind = scaling.string("rope_type", default: scaling.string("type", default: "default"))
    switch kind {
    case "default":
      return .none
    case "linear":
      return .linear(factor: scaling.number("factor"))
    case "llama3":
      return .llama3(
        factor: scaling.number("factor"),
        lowFrequencyFactor: scaling.number("low_freq_factor"),
        highFrequencyFactor: scaling.number("high_freq_factor"),
        originalContext: scaling.number("original_max_position_embeddings"))
    default:
      report("rope scaling \"\(kind)\" is not supported; known are default, linear, llama3")
      return .none
    }
  }
}

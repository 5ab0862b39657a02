import Documents
import Foundation
import Operations

/// Reads a `config.json`, which has many keys that do not concern us, and collects what is missing
/// or of the wrong kind.
public final class ConfigurationReader {
  private let document: JSONValue
  /// The path of a nested object, with a dot behind it.
  private let prefix: String
  private(set) var problems: [String] = []

  init(_ document: JSONValue, prefix: String = "") {
    self.document = document
    self.prefix = prefix
  }

  /// A size. The bound is far above every model's, and keeps products of sizes from overflowing.
  func integer(
    _ key: String, default fallback: Int? = nil, in range: ClosedRange<Int> = 1...1 << 27
  ) -> Int {
    value(
      key, fallback, expected: "an integer from \(range.lowerBound) to \(range.upperBound)",
      placeholder: range.lowerBound
    ) {
      $0.intValue.flatMap { range.contains($0) ? $0 : nil }
    }
  }

  /// Blocks of the model: every one of them may become nine lines of a message.
  func layers(_ key: String) -> Int { integer(key, in: 1...4096) }

  func optionalInteger(_ key: String) -> Int? {
    has(key) ? integer(key) : nil
  }

  /// A positive number; no number of a configuration may be 0 or less.
  func number(_ key: String, default fallback: Double? = nil) -> Double {
    value(key, fallback, expected: "a positive number", placeholder: 1) {
      $0.doubleValue.flatMap { $0 > 0 ? $0 : nil }
    }
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

  /// A reader of an object within this one; nil where there is none.
  private func nested(_ key: String) -> ConfigurationReader? {
    guard let value = document[key], !value.isNull else { return nil }
    if value.objectValue == nil { report("\(key) is \(value.kindDescription), expected an object") }
    return ConfigurationReader(value, prefix: "\(key).")
  }

  func has(_ key: String) -> Bool { !isNull(key) && document[key] != nil }

  /// Whether the key is there and says nothing: null.
  func isNull(_ key: String) -> Bool { document[key]?.isNull ?? false }

  func integers(_ key: String) -> [Int]? { document[key]?.arrayValue?.compactMap(\.intValue) }

  /// What `layer_types` says of every layer, where it does.
  func layerTypes(_ layers: Int) -> [String]? {
    strings("layer_types").flatMap { $0.count == layers ? $0 : nil }
  }

  /// Positive numbers, so many.
  private func numbers(_ key: String, count: Int) -> [Double] {
    let found = document[key]?.arrayValue?.compactMap(\.doubleValue).filter { $0 > 0 }
    if let found, found.count == count { return found }
    let words = document[key].map { "\($0.arrayValue?.count ?? 0) elements" } ?? "missing"
    report("\(key) is \(words), expected \(count) positive numbers")
    return Array(repeating: 1, count: count)
  }

  func report(_ problem: String) { problems.append("configuration: \(prefix)\(problem)") }

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
  ///
  /// - Parameter defaultHeadDim: where the family has another default.
  func attentionShape(hiddenSize: Int, defaultHeadDim: Int? = nil) -> AttentionShape {
    let heads = integer("num_attention_heads")
    let keyValueHeads = integer("num_key_value_heads", default: heads)
    let headDim = optionalInteger("head_dim") ?? defaultHeadDim ?? max(1, hiddenSize / heads)
    if !has("head_dim"), defaultHeadDim == nil, hiddenSize % heads != 0 {
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
  ///   - thetaKey, fractionKey, scalingKey: the family's own older spellings; no key, no scaling.
  ///   - layerType: the member of `rope_parameters` that is meant, in families whose layers differ.
  func rotary(
    headDim: Int, thetaKey: String = "rope_theta", fractionKey: String = "partial_rotary_factor",
    scalingKey: String? = "rope_scaling", layerType: String? = nil, defaultTheta: Double = 10_000,
    defaultFraction: Double = 1
  ) -> RotaryEmbedding {
    let all = nested("rope_parameters")
    let parameters = layerType.flatMap { all?.nested($0) } ?? all
    let theta =
      if let parameters {
        parameters.number("rope_theta", default: has(thetaKey) ? number(thetaKey) : nil)
      } else {
        number(thetaKey, default: defaultTheta)
      }
    let fraction =
      if let parameters, parameters.has("partial_rotary_factor") {
        parameters.number("partial_rotary_factor")
      } else {
        number(fractionKey, default: defaultFraction)
      }
    let rotaryDim = Int((Double(headDim) * min(fraction, 2)).rounded(.down))
    let scaling = (parameters ?? scalingKey.flatMap(nested)).map { scaling in
      let kind = ropeScaling(scaling, rotaryDim: rotaryDim)
      problems += scaling.problems
      return kind
    }
    let bound = min(headDim, 1 << 16)
    guard (1...bound).contains(rotaryDim), rotaryDim % 2 == 0 else {
      report(
        "rotary part of a head is \(fraction) x \(headDim), expected an even number up to \(bound)"
      )
      return RotaryEmbedding(rotaryDim: 2, theta: 10_000)
    }
    return RotaryEmbedding(rotaryDim: rotaryDim, theta: theta, scaling: scaling ?? .none)
  }

  private func ropeScaling(
    _ scaling: ConfigurationReader, rotaryDim: Int
  ) -> RotaryEmbedding.Scaling {
    let kind = scaling.string("rope_type", default: scaling.string("type", default: "default"))
    switch kind {
    case "default":
      return .none
    case "linear":
      return .linear(factor: scaling.number("factor"))
    case "llama3":
      let low = scaling.number("low_freq_factor")
      let high = scaling.number("high_freq_factor")
      if low >= high, scaling.problems.isEmpty {
        scaling.report("high_freq_factor is \(high), expected more than low_freq_factor, \(low)")
      }
      return .llama3(
        factor: scaling.number("factor"), lowFrequencyFactor: low, highFrequencyFactor: high,
        originalContext: scaling.number("original_max_position_embeddings"))
    case "longrope", "su":
      return longRope(scaling, pairs: max(0, min(rotaryDim, 1 << 16)) / 2)
    default:
      scaling.report(
        "rope_type \"\(kind)\" is not supported; known are default, linear, llama3, longrope")
      return .none
    }
  }

  /// Phi-3 has the context of its first training beside the scaling, and there it counts.
  private func longRope(
    _ scaling: ConfigurationReader, pairs: Int
  ) -> RotaryEmbedding.Scaling {
    let key = "original_max_position_embeddings"
    let context = integer("max_position_embeddings")
    let original = has(key) ? integer(key) : scaling.integer(key, default: context)
    let factor = scaling.number("factor", default: Double(context) / Double(original))
    let amplitude =
      factor <= 1 ? 1 : (1 + log(factor) / log(Double(original))).squareRoot()
    return .longRope(
      short: scaling.numbers("short_factor", count: pairs),
      long: scaling.numbers("long_factor", count: pairs), originalContext: original,
      amplitude: scaling.number("attention_factor", default: amplitude))
  }
}

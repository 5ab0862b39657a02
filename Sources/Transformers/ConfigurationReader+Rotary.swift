import Documents
import Foundation
import Operations

/// What a family's rotary positions are called in its configurations, and what they are where its
/// configuration says nothing, as transformers has it.
struct RotaryKeys {
  /// The family's own older spellings of base and share of a head.
  var theta = "rope_theta"
  var fraction = "partial_rotary_factor"
  var defaultTheta = 10_000.0
  var defaultFraction = 1.0
  /// Whether the family rotates a part of each head; the others rotate all of it.
  var takesFraction = false
  /// The context of the first training where nothing gives it; nil for the model's own.
  var defaultOriginalContext: Int?
  /// Types that an earlier spelling of the family has for another one.
  var aliases = ["su": "longrope"]
}

// Rotary positions in either spelling: `rope_theta` with `rope_scaling`, or, since transformers 5,
// `rope_parameters`.
extension ConfigurationReader {
  /// In configurations made of GGUF files: llama.cpp rotates parts of heads in any architecture.
  static let ggufFractionKey = "linearize_partial_rotary"

  /// What `rope_scaling` says counts before `rope_parameters`, as in transformers 5, where one takes
  /// the other's place as a whole. What neither says is taken from the configuration itself.
  func rotary(headDim: Int, _ keys: RotaryKeys = RotaryKeys()) -> RotaryEmbedding {
    for key in ["rope_scaling", "rope_parameters"] where has(key) && isOfLayerTypes(object[key]!) {
      report("\(key) differs by layer types, which this family does not have")
    }
    let parameters = isEmpty("rope_scaling") ? nested("rope_parameters") : nested("rope_scaling")
    return rotary(headDim: headDim, keys, in: parameters ?? self)
  }

  /// Rotary positions of the layers of one type, in families whose layers differ.
  ///
  /// - Parameters:
  ///   - layerType: the member of `rope_parameters` that is meant.
  ///   - takesScaling: `rope_scaling` is of these layers, and counts before that member.
  func rotary(
    headDim: Int, _ keys: RotaryKeys, layerType: String, takesScaling: Bool
  ) -> RotaryEmbedding {
    let all = nested("rope_parameters")
    var members = all?.nested(layerType)?.object ?? JSONObject()
    if takesScaling, let scaling = nested("rope_scaling") {
      for (key, value) in scaling.object.members { members[key] = value }
    }
    let parameters = ConfigurationReader(
      .object(members),
      prefix: has("rope_scaling") ? "rope_scaling." : "rope_parameters.\(layerType).")
    return rotary(headDim: headDim, keys, in: parameters)
  }

  private func isEmpty(_ key: String) -> Bool {
    !has(key) || object[key]?.objectValue?.count == 0
  }

  private func isOfLayerTypes(_ value: JSONValue) -> Bool {
    ["full_attention", "sliding_attention"].contains { value[$0]?.objectValue != nil }
  }

  /// - Parameter parameters: a nested object, or this one where there is none.
  private func rotary(
    headDim: Int, _ keys: RotaryKeys, in parameters: ConfigurationReader
  ) -> RotaryEmbedding {
    // Without meaning but for types of scaling that look it up.
    pass(over: "original_max_position_embeddings")
    let theta =
      parameters !== self && parameters.has("rope_theta")
      ? parameters.number("rope_theta") : number(keys.theta, default: keys.defaultTheta)
    let fraction =
      parameters !== self && parameters.has("partial_rotary_factor")
      ? parameters.number("partial_rotary_factor")
      : number(keys.fraction, default: keys.defaultFraction)
    if !keys.takesFraction, fraction != 1, !has(Self.ggufFractionKey) {
      report("\(keys.fraction) is \(fraction), but this family rotates whole heads")
    }
    let rotaryDim = Int((Double(headDim) * min(fraction, 2)).rounded(.down))
    let bound = min(headDim, 1 << 16)
    guard (1...bound).contains(rotaryDim), rotaryDim % 2 == 0 else {
      adopt(parameters)
      report(
        "rotary part of a head is \(fraction) x \(headDim), expected an even number up to \(bound)"
      )
      return RotaryEmbedding(rotaryDim: 2, theta: 10_000)
    }
    let scaling: RotaryEmbedding.Scaling =
      parameters === self ? .none : ropeScaling(parameters, keys, rotaryDim: rotaryDim)
    adopt(parameters)
    return RotaryEmbedding(rotaryDim: rotaryDim, theta: theta, scaling: scaling)
  }

  private func ropeScaling(
    _ scaling: ConfigurationReader, _ keys: RotaryKeys, rotaryDim: Int
  ) -> RotaryEmbedding.Scaling {
    let kind = scaling.string("rope_type", default: scaling.string("type", default: "default"))
    switch keys.aliases[kind] ?? kind {
    case "default": return .none
    case "linear": return .linear(factor: scaling.number("factor"))
    case "dynamic":
      if rotaryDim == 2 {
        report("a rotary part of 2 coordinates has no frequency that a dynamic base could change")
        return .none
      }
      return .dynamic(
        factor: scaling.number("factor"), originalContext: integer("max_position_embeddings"))
    case "llama3":
      let low = scaling.number("low_freq_factor")
      let high = scaling.number("high_freq_factor")
      if low >= high, scaling.problems.isEmpty {
        scaling.report("high_freq_factor is \(high), expected more than low_freq_factor, \(low)")
      }
      return .llama3(
        factor: scaling.number("factor"), lowFrequencyFactor: low, highFrequencyFactor: high,
        originalContext: Double(originalContext(scaling, keys)))
    case "yarn": return yarn(scaling, keys)
    case "longrope": return longRope(scaling, keys, pairs: rotaryDim / 2)
    default:
      scaling.report(
        "rope_type \"\(kind)\" is not supported; known are default, linear, dynamic, llama3, yarn, "
          + "longrope")
      return .none
    }
  }

  /// The context of the first training. Phi-3 has it beside the scaling, and there it counts.
  private func originalContext(_ scaling: ConfigurationReader, _ keys: RotaryKeys) -> Int {
    let key = "original_max_position_embeddings"
    if has(key) { return integer(key) }
    if let fallback = keys.defaultOriginalContext { return fallback }
    return scaling.has(key) ? scaling.integer(key) : integer("max_position_embeddings")
  }

  private func yarn(
    _ scaling: ConfigurationReader, _ keys: RotaryKeys
  ) -> RotaryEmbedding.Scaling {
    let original = originalContext(scaling, keys)
    let factor =
      scaling.has("factor")
      ? scaling.number("factor") : Double(integer("max_position_embeddings")) / Double(original)
    let logarithm = factor <= 1 ? 0 : 0.1 * log(factor)
    var amplitude = logarithm + 1
    if scaling.has("mscale"), scaling.has("mscale_all_dim") {
      amplitude =
        (logarithm * scaling.number("mscale") + 1)
        / (logarithm * scaling.number("mscale_all_dim") + 1)
    }
    return .yarn(
      factor: factor, fastRotations: scaling.number("beta_fast", default: 32),
      slowRotations: scaling.number("beta_slow", default: 1), originalContext: Double(original),
      isTruncated: scaling.boolean("truncate", default: true),
      amplitude: scaling.number("attention_factor", default: amplitude))
  }

  private func longRope(
    _ scaling: ConfigurationReader, _ keys: RotaryKeys, pairs: Int
  ) -> RotaryEmbedding.Scaling {
    let original = originalContext(scaling, keys)
    let ratio = Double(integer("max_position_embeddings")) / Double(original)
    let factor = scaling.number("factor", default: ratio)
    let amplitude =
      factor <= 1 ? 1 : (1 + log(factor) / log(Double(original))).squareRoot()
    return .longRope(
      short: scaling.numbers("short_factor", count: pairs),
      long: scaling.numbers("long_factor", count: pairs), originalContext: original,
      amplitude: scaling.number("attention_factor", default: amplitude))
  }
}

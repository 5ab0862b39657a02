import Documents
import Foundation
import TensorCore

/// The metadata of one GGUF file, read by the keys of its architecture; collects what is missing or
/// of the wrong kind.
final class GGUFMetadata {
  let metadata: JSONValue
  /// By GGUF's names, rows in its order.
  let tensors: [String: StoredTensor]
  private let architecture: String
  private(set) var problems: [String] = []

  init(_ metadata: JSONValue, tensors: [String: StoredTensor], architecture: String) {
    self.metadata = metadata
    self.tensors = tensors
    self.architecture = architecture
  }

  private(set) lazy var heads = integer("attention.head_count")
  private(set) lazy var keyValueHeads =
    has("attention.head_count_kv") ? integer("attention.head_count_kv") : heads

  func report(_ place: String, found: String, expected: String) {
    problems.append("\(place): found \(found), expected \(expected)")
  }

  func key(_ name: String) -> String { "\(architecture).\(name)" }
  func value(_ name: String) -> JSONValue? { metadata[key(name)] }
  func has(_ name: String) -> Bool { value(name) != nil }
  func hasTensor(_ name: String) -> Bool { tensors[name] != nil }

  /// A positive integer; some converters write one for each layer, which must then be equal.
  func integer(_ name: String) -> Int {
    var found = value(name)
    if let elements = found?.arrayValue, let first = elements.first,
      elements.allSatisfy({ $0 == first })
    {
      found = first
    }
    if let integer = found?.intValue, integer > 0, integer <= 1 << 31 { return integer }
    report(
      key(name), found: found?.kindDescription ?? "nothing", expected: "a positive integer")
    return 1
  }

  func number(_ name: String) -> Double {
    if let number = value(name)?.doubleValue, number.isFinite, number > 0 { return number }
    report(
      key(name), found: value(name)?.kindDescription ?? "nothing", expected: "a positive number")
    return 1
  }

  func number(_ name: String, default fallback: Double) -> Double {
    has(name) ? number(name) : fallback
  }

  // MARK: What all architectures have

  func refuseExperts() {
    guard let experts = value("expert_count"), experts.intValue != 0 else { return }
    report(key("expert_count"), found: experts.kindDescription, expected: "no experts")
  }

  func describeVocabulary(in document: inout JSONObject) {
    if let embedding = tensors["token_embd.weight"], embedding.shape.count == 2 {
      document["vocab_size"] = .integer(embedding.shape[0])
    } else {
      report("tensor token_embd.weight", found: "no such matrix", expected: "the embeddings")
    }
    document["tie_word_embeddings"] = .bool(!hasTensor("output.weight"))
    for (name, key) in [
      ("bos_token_id", "bos_token_id"), ("eos_token_id", "eos_token_id"),
      ("padding_token_id", "pad_token_id"),
    ] {
      if let id = metadata["tokenizer.ggml.\(name)"]?.intValue {
        document[key] = .integer(id)
      }
    }
  }

  /// What the configurations of Llama and the families after it have in common.
  ///
  /// - Parameter modelType: the family's.
  func llamaConfiguration(_ modelType: String) -> JSONObject {
    let hidden = integer("embedding_length")
    let headDim = has("attention.key_length") ? integer("attention.key_length") : hidden / heads
    var document = JSONObject()
    document["model_type"] = .string(modelType)
    document["hidden_size"] = .integer(hidden)
    document["num_hidden_layers"] = .integer(integer("block_count"))
    document["num_attention_heads"] = .integer(heads)
    document["num_key_value_heads"] = .integer(keyValueHeads)
    document["head_dim"] = .integer(headDim)
    document["intermediate_size"] = .integer(integer("feed_forward_length"))
    document["hidden_act"] = "silu"
    document["rms_norm_eps"] = .number(number("attention.layer_norm_rms_epsilon"))
    document["max_position_embeddings"] = .integer(integer("context_length"))
    document["rope_theta"] = .number(number("rope.freq_base", default: 10_000))
    if has("attention.value_length"), integer("attention.value_length") != headDim {
      report(
        key("attention.value_length"), found: "\(integer("attention.value_length"))",
        expected: "the keys' length, \(headDim)")
    }
    if has("rope.dimension_count") {
      let rotary = integer("rope.dimension_count")
      if rotary != headDim {
        document["partial_rotary_factor"] = .number(Double(rotary) / Double(max(1, headDim)))
        document[ConfigurationReader.ggufFractionKey] = true
      }
    }
    describeRopeScaling(in: &document, headDim: headDim)
    return document
  }

  private func describeRopeScaling(in document: inout JSONObject, headDim: Int) {
    // As llama.cpp reads them: linear unless a type says otherwise, the older key where the newer
    // one is missing, and 0 for none.
    let type = value("rope.scaling.type")?.stringValue ?? "linear"
    let factorKey = ["rope.scaling.factor", "rope.scale_linear"].first(where: has)
    if let factorKey, type != "none", value(factorKey)?.doubleValue != 0 {
      var scaling = JSONObject([("rope_type", .string(type))])
      scaling["factor"] = .number(number(factorKey))
      if let original = value("rope.scaling.original_context_length") {
        scaling["original_max_position_embeddings"] = original
      }
      for (key, name) in [
        ("beta_fast", "rope.scaling.yarn_beta_fast"), ("beta_slow", "rope.scaling.yarn_beta_slow"),
      ] where has(name) {
        scaling[key] = .number(number(name))
      }
      if type == "yarn", has("rope.scaling.attn_factor") {
        // llama.cpp multiplies what the factor alone gives.
        let factor = scaling["factor"]?.doubleValue ?? 1
        scaling["attention_factor"] = .number(
          number("rope.scaling.attn_factor") * (factor <= 1 ? 1 : 1 + 0.1 * log(factor)))
      }
      document["rope_scaling"] = .object(scaling)
    } else if factorKey == nil, !["none", "linear"].contains(type) {
      report(
        key("rope.scaling.factor"), found: "nothing", expected: "the factor of the scaling \(type)")
    }
    guard let divisors = tensors[GGUFNames.ropeDivisors]?.numbers else { return }
    let theta = document["rope_theta"]?.doubleValue ?? 10_000
    guard let scaling = RopeFactors.scaling(of: divisors, headDim: headDim, theta: theta) else {
      report(
        "tensor \(GGUFNames.ropeDivisors)", found: "\(divisors.count) divisors of frequencies",
        expected:
          "those of Llama 3's scaling (low_freq_factor 1, high_freq_factor 4), or no scaling")
      return
    }
    if scaling.count > 0 { document["rope_scaling"] = .object(scaling) }
  }
}

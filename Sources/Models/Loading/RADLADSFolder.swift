import Checkpoints
import Documents
import TensorCore

/// A folder as RADLADS' own code writes it, `RWKV6Qwen2ForCausalLM` or `RWKV7Qwen2ForCausalLM`: its
/// tensors have this program's names, and its `config.json` says what the student is.
///
/// Ranks are those of the tensors; the reference's unused parameters are left out.
struct RADLADSFolder {
  /// Of the teacher, as far as the student still has its blocks.
  let teacher: JSONValue
  /// As an artefact has it.
  let document: JSONValue
  /// Without what has no use.
  let tensors: [String: StoredTensor]

  private static let mixers = ["rwkv6qwen2": "rad-rwkv6", "rwkv7qwen2": "rad-rwkv7"]
  private static let ownKeys = [
    "lora_rank_tokenshift", "lora_rank_decay", "lora_rank_iclr", "lora_rank_value_residual_mix",
    "lora_rank_gate", "use_rope", "gate_rank_type", "balance_state", "groupnorm_att",
    "use_tokenshift",
  ]

  /// nil for any other folder.
  init?(_ source: ModelSource, location: String) {
    let (configuration, tensors) = (source.configuration, source.tensors)
    guard let type = configuration["model_type"]?.stringValue, let mixer = Self.mixers[type],
      var object = configuration.objectValue
    else { return nil }
    let isSixth = mixer == "rad-rwkv6"
    let flag = { (key: String, fallback: Bool) in
      configuration[key]?.boolValue ?? configuration[key]?.intValue.map { $0 != 0 } ?? fallback
    }
    let isBalanced = flag("balance_state", isSixth)
    let prefix = "model.layers.0.self_attn."
    let hasBiases = tensors["\(prefix)q_proj.bias"] != nil
    object["model_type"] = hasBiases ? "qwen2" : "llama"
    for key in Self.ownKeys { object[key] = nil }
    object["auto_map"] = nil
    object["architectures"] = [hasBiases ? "Qwen2ForCausalLM" : "LlamaForCausalLM"]
    teacher = .object(object)

    var student = JSONObject([
      ("mixer", .string(mixer)), ("rotary", .bool(flag("use_rope", !isSixth))),
      ("balanceState", .bool(isBalanced)),
      ("groupNorm", .bool(flag("groupnorm_att", !isBalanced))),
      ("gateRankType", configuration["gate_rank_type"] ?? .integer(isSixth ? 1 : 2)),
    ])
    // The value residual begins with the second layer.
    let places = [
      ("tokenShiftRank", 0, "time_maa_w2", 1),
      ("decayRank", 0, isSixth ? "time_decay_w1" : "w1", 1),
      ("learningRateRank", 0, "a1", 1), ("valueMixRank", 1, "v1", 1), ("gateRank", 0, "g1", 1),
    ]
    for (option, layer, name, axis) in places {
      let shape = tensors["model.layers.\(layer).self_attn.\(name)"]?.shape ?? []
      if shape.count > axis { student[option] = .integer(shape[axis]) }
    }
    if isSixth { student["tokenShift"] = .bool(flag("use_tokenshift", true)) }
    document = [
      "format": .string(StudentArtefact.format), "program": "RADLADS", "stage": "imported",
      "seed": 0, "student": .object(student),
      "teacher": ["path": .string(location), "sha256": ""], "adapters": nil, "recipe": nil,
    ]
    self.tensors = tensors.filter { name, _ in
      !Self.isUnused(name, isSixth: isSixth, isBalanced: isBalanced)
    }
  }

  private static func isUnused(_ name: String, isSixth: Bool, isBalanced: Bool) -> Bool {
    if isSixth { return false }
    let unused = [".self_attn.r_k"] + (isBalanced ? [".self_attn.k_k", ".self_attn.k_a"] : [])
    if unused.contains(where: name.hasSuffix) { return true }
    return ["v0", "v1", "v2"].contains { name == "model.layers.0.self_attn.\($0)" }
  }
}

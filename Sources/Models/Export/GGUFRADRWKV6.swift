import Documents
import Operations
import TensorCore
import Transformers

/// RAD-RWKV6 as llama.cpp's `rwkv6qwen2`, which computes it as its defaults are.
///
/// llama.cpp does not bound decays below `exp(−5)`; with such a channel nothing is left of the token
/// before anyway.
struct GGUFRADRWKV6 {
  private var student: GGUFStudent
  var model: GGUFModel { student.model }

  /// The mixes of the token shift in llama.cpp's order, w, k, v, r, g, in this program's r, k, v, w, g.
  private static let order: [(name: String, index: Int)] = [
    ("w", 3), ("k", 1), ("v", 2), ("r", 0), ("g", 4),
  ]

  /// - Parameter document: the recipe's student with every default spelled.
  init(_ decoder: Decoder, _ document: JSONValue) {
    student = GGUFStudent(decoder, document, architecture: "rwkv6qwen2")
    student.require("rotary", false)
    student.require("balanceState", true)
    student.require("groupNorm", false)
    if student.gate == 2 {
      student.model.refuse("gateRankType 2", expected: "gateRankType 1, or 0 for no gate")
    }
    guard student.model.refusals.isEmpty else { return }
    describe()
    student.addTables()
    for layer in decoder.layers.indices {
      student.addBlock(layer)
      addMixer(layer)
    }
  }

  /// What llama.cpp's converter and RADLADS' own classes read in the `config.json` of a folder of this
  /// student; empty where they would make another model of it, or look for a head that is not there.
  var converterConfiguration: JSONObject {
    let own = student.parameters(0)
    guard model.refusals.isEmpty, student.gate == 1, !student.decoder.isHeadTied,
      let shift = own["time_maa_w1"], let decay = own["time_decay_w1"]
    else { return JSONObject() }
    return JSONObject([
      ("architectures", ["RWKV6Qwen2ForCausalLM"]),
      ("lora_rank_tokenshift", .integer(shift.shape[1] / 5)),
      ("lora_rank_decay", .integer(decay.shape[1])), ("use_rope", false), ("gate_rank_type", 1),
      ("balance_state", true), ("groupnorm_att", false), ("use_tokenshift", true),
      ("num_key_value_heads", .integer(student.configuration.attention.keyValueHeads)),
    ])
  }

  private mutating func describe() {
    let own = student.parameters(0)
    let shift = own["time_maa_w1"].map { $0.shape[1] / 5 } ?? 1
    student.model.set(
      "attention.head_count_kv", .integer(student.configuration.attention.keyValueHeads))
    student.model.set("time_mix_extra_dim", .integer(shift))
    student.model.set("time_decay_extra_dim", .integer(own["time_decay_w1"]!.shape[1]))
  }

  private mutating func addMixer(_ layer: Int) {
    let attention = student.decoder.weights.blocks[layer].attention
    for (name, projection) in [
      ("receptance", attention.queries), ("key", attention.keys), ("value", attention.values),
    ] {
      student.add(layer, name, projection.weight.stored, times: 1)
      if let bias = projection.bias { student.add(layer, "\(name).bias", bias.tensor) }
    }
    // A gate of ½ everywhere stands for none.
    let own = student.parameters(layer)
    student.add(layer, "output", attention.output.weight.stored, times: student.gate == 0 ? 2 : 1)
    let width = student.configuration.attention.queryWidth
    let hidden = student.configuration.hiddenSize
    student.model.add(
      "blk.\(layer).time_mix_gate.weight",
      StoredTensor(own["gate.weight"] ?? Tensor(zeros: [width, hidden])))
    addTokenShift(layer, own)
    student.add(layer, "decay.weight", own["time_decay"]!.reshaped([width]))
    student.add(layer, "decay_w1.weight", transposed(own["time_decay_w1"]!))
    student.add(layer, "decay_w2.weight", transposed(own["time_decay_w2"]!))
  }

  private mutating func addTokenShift(_ layer: Int, _ own: [String: Tensor]) {
    let hidden = student.configuration.hiddenSize
    guard let first = own["time_maa_w1"], let second = own["time_maa_w2"] else {
      // No mix of any token with the one before.
      student.add(layer, "lerp_x.weight", Tensor(zeros: [1, 1, hidden]))
      student.add(layer, "lerp_fused.weight", Tensor(zeros: [5, 1, 1, hidden]))
      student.add(layer, "w1.weight", Tensor(zeros: [5, hidden]))
      student.add(layer, "w2.weight", Tensor(zeros: [5, hidden, 1]))
      return
    }
    let rank = second.shape[1]
    student.add(layer, "lerp_x.weight", own["time_maa_x"]!.reshaped([1, 1, hidden]))
    let means = Self.order.map { own["time_maa_\($0.name)"]!.reshaped([1, hidden]) }
    student.add(layer, "lerp_fused.weight", Self.joined(means).reshaped([5, 1, 1, hidden]))
    let inner = transposed(first)
    let outer = second.reshaped([5 * rank, hidden])
    let groups = Self.order.map { $0.index * rank..<($0.index + 1) * rank }
    student.add(layer, "w1.weight", Self.joined(groups.map { copiedRows(inner, $0) }))
    student.add(
      layer, "w2.weight",
      Self.joined(groups.map { transposed(copiedRows(outer, $0)) })
        .reshaped([5, hidden, rank]))
  }

  /// Rows of matrices of the same width one after the other.
  private static func joined(_ parts: [Tensor]) -> Tensor {
    var start = 0
    let placed = parts.map { part in
      defer { start += part.shape[0] }
      return (rows: start..<start + part.shape[0], tensor: part)
    }
    return joinedRows(placed, rows: start, width: parts[0].shape[1])
  }
}

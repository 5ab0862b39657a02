import Documents
import TensorCore
import Transformers

/// RAD-RWKV7 as llama.cpp's `arwkv7`, which computes it without rotary positions and with keys that
/// the learning rate and not the decay weights.
///
/// llama.cpp normalises a head's outputs with the epsilon of heads of 64; values scaled by
/// `√(64 / headDim)` make that this program's.
struct GGUFRADRWKV7 {
  /// llama.cpp's kernel (`ggml_compute_forward_rwkv_wkv7_f32`) reads a head in steps of so many numbers
  /// with AVX-512, of half as many with AVX, and runs into the next head where the last step is not full.
  private static let step = 64

  private var student: GGUFStudent
  var model: GGUFModel { student.model }

  /// - Parameter document: the recipe's student with every default spelled.
  init(_ decoder: Decoder, _ document: JSONValue) {
    student = GGUFStudent(decoder, document, architecture: "arwkv7")
    student.require("rotary", false)
    student.require("balanceState", false)
    let attention = decoder.weights.blocks.map(\.attention)
    if attention.contains(where: { block in
      [block.queries, block.keys, block.values].contains { $0.bias != nil }
    }) {
      student.model.refuse(
        "biases of queries, keys and values", expected: "none, as in llama; or rad-rwkv6")
    }
    let headDim = decoder.configuration.attention.headDim
    if headDim % Self.step != 0 {
      student.model.refuse(
        "heads of \(headDim), which llama.cpp's kernel does not compute with every processor",
        expected: "heads of \(Self.step) or a multiple; or rad-rwkv6")
    }
    guard student.model.refusals.isEmpty else { return }
    describe()
    student.addTables()
    for layer in decoder.layers.indices {
      student.addBlock(layer)
      addMixer(layer)
    }
  }

  private var hidden: Int { student.configuration.hiddenSize }
  private var hasNorm: Bool { student.isSet("groupNorm") }

  private mutating func describe() {
    let (first, last) = (
      student.parameters(0), student.parameters(student.configuration.layers - 1)
    )
    let rank = { (tensor: Tensor) in JSONValue.integer(tensor.shape[1]) }
    student.model.set("attention.decay_lora_rank", rank(first["w1"]!))
    student.model.set("attention.iclr_lora_rank", rank(first["a1"]!))
    student.model.set(
      "attention.value_residual_mix_lora_rank", rank(last["v1"] ?? first["a1"]!))
    let gate = [0, hidden, first["g1"]?.shape[1] ?? 0][student.gate]
    student.model.set("attention.gate_lora_rank", .integer(gate))
  }

  private mutating func addMixer(_ layer: Int) {
    let attention = student.decoder.weights.blocks[layer].attention
    let headDim = Float(student.configuration.attention.headDim)
    let own = student.parameters(layer)
    student.add(layer, "receptance", attention.queries.weight.stored, times: 1)
    student.add(layer, "key", repeated(attention.keys.weight.stored), times: 1)
    let values = repeated(attention.values.weight.stored)
    student.add(layer, "value", values, times: hasNorm ? (64 / headDim).squareRoot() : 1)
    student.add(
      layer, "output", attention.output.weight.stored, times: hasNorm ? 1 : 1 / headDim.squareRoot()
    )
    addLowRank(layer, "w", own)
    addLowRank(layer, "a", own)
    // The first layer mixes with no other, and needs the tensors, of its learning rate's rank.
    addLowRank(layer, "v", own["v1"] == nil ? renamed(own) : own)
    addGate(layer, own)
    student.add(layer, "k_k.weight", own["k_k"]!.reshaped([hidden]))
    student.add(layer, "k_a.weight", own["k_a"]!.reshaped([hidden]))
    student.add(layer, "r_k.weight", Tensor(zeros: [hidden]))
    if let weight = own["ln_x.weight"], let bias = own["ln_x.bias"] {
      student.add(layer, "ln.weight", weight)
      student.add(layer, "ln.bias", bias)
    }
    let mixes = student.gate == 0 ? 5 : 6
    student.add(layer, "lerp_fused.weight", Tensor(zeros: [mixes, 1, 1, hidden]))
  }

  private func renamed(_ own: [String: Tensor]) -> [String: Tensor] {
    ["v0": own["a0"]!, "v1": own["a1"]!, "v2": own["a2"]!]
  }

  private mutating func addLowRank(
    _ layer: Int, _ name: String, _ source: [String: Tensor]
  ) {
    student.add(layer, "\(name)0.weight", source["\(name)0"]!.reshaped([hidden]))
    student.add(layer, "\(name)1.weight", transposed(source["\(name)1"]!))
    student.add(layer, "\(name)2.weight", transposed(source["\(name)2"]!))
  }

  private mutating func addGate(_ layer: Int, _ own: [String: Tensor]) {
    switch student.gate {
    case 1:
      // σ(x W) times the identity.
      student.add(layer, "g1.weight", own["gate.weight"]!)
      var identity = [Float](repeating: 0, count: hidden * hidden)
      for index in 0..<hidden { identity[index * hidden + index] = 1 }
      student.add(layer, "g2.weight", Tensor(identity, [hidden, hidden]))
    case 2:
      student.add(layer, "g1.weight", transposed(own["g1"]!))
      student.add(layer, "g2.weight", transposed(own["g2"]!))
    default: break
    }
  }

  /// Rows of keys or values once for every query head.
  private func repeated(_ weight: StoredTensor) -> StoredTensor {
    let attention = student.configuration.attention
    if attention.group == 1 { return weight }
    let rows = (0..<attention.queryWidth).map { row in
      let head = row / attention.headDim / attention.group
      return Int32(head * attention.headDim + row % attention.headDim)
    }
    return weight.selectingRows(rows)
  }
}

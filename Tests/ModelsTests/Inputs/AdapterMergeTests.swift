import Checkpoints
import Documents
import Foundation
import ModelsTestSupport
import Operations
import TensorCore
import TestSupport
import Testing
import Transformers

@testable import Models

/// LoRA adapters as PEFT saves them, merged into the weights that they were trained beside.
@Suite struct AdapterMergeTests {
  private let down = Tensor((0..<32).map { Float($0 % 7) - 3 }, [2, 16])
  private let up = Tensor((0..<32).map { Float($0 % 5) - 2 }, [16, 2])

  /// Writes a base and an adapter of `q_proj` of layer 1, and opens both.
  private func merged(
    _ settings: JSONObject = [:], names: (String, String)? = nil, down: Tensor? = nil,
    others: [(String, Tensor)] = [], _ body: (LoadedModel, LoadedModel) throws -> Void
  ) throws {
    try withTemporaryFolder { folder in
      for name in ["base", "written", "adapter"] {
        try FileManager.default.createDirectory(
          atPath: "\(folder)/\(name)", withIntermediateDirectories: false)
      }
      try TinyCheckpoint.write(TinyCheckpoint.llama(), to: "\(folder)/base")
      let module = "base_model.model.model.layers.1.self_attn.q_proj"
      let names = names ?? ("\(module).lora_A.weight", "\(module).lora_B.weight")
      let tensors =
        [(name: names.0, tensor: down ?? self.down), (name: names.1, tensor: up)]
        + others.map { (name: $0.0, tensor: $0.1) }
      _ = try SafetensorsWriter().write(
        tensors.map { (name: $0.name, tensor: StoredTensor($0.tensor)) }, into: "\(folder)/written")
      let adapter = "\(folder)/adapter"
      try FileManager.default.moveItem(
        atPath: "\(folder)/written/model.safetensors",
        toPath: "\(adapter)/adapter_model.safetensors")
      var document: JSONObject = [
        "peft_type": "LORA", "base_model_name_or_path": "org/base", "r": 2, "lora_alpha": 6,
      ]
      for (key, value) in settings.members { document[key] = value }
      try DocumentFile("\(adapter)/adapter_config.json").replace(
        with: JSONValue.object(document).compact)
      try body(
        try LoadedModel.open("\(folder)/base"),
        try LoadedModel.open("\(folder)/base", adapter: adapter))
    }
  }

  private let key = "model.layers.1.self_attn.q_proj.weight"

  private func expected(_ base: LoadedModel, scale: Float) -> [Float] {
    var total = base.source.tensors[key]!.widened()
    addProduct(affine(up, scale: scale, offset: 0), down, to: &total)
    return total.elements
  }

  static let scales: [(JSONObject, Float)] = [
    ([:], 3), (["use_rslora": true], 6 / Float(2).squareRoot()),
    (["alpha_pattern": ["q_proj": 2]], 1), (["alpha_pattern": ["k_proj": 2]], 3),
  ]

  @Test(arguments: scales)
  func `The product of both matrices is added, by the adapter's scale`(
    settings: JSONObject, scale: Float
  ) throws {
    try merged(settings) { base, model in
      let found = model.source.tensors[key]?.widened().elements ?? []
      #expect(relativeRMS(found, expected(base, scale: scale).map(Double.init)) < 1e-6)
      let changed = model.source.tensors.filter {
        $0.value.widened().elements != base.source.tensors[$0.key]?.widened().elements
      }
      #expect(Array(changed.keys) == [key])
      let digests = [try base.source.contentDigest(), try model.source.contentDigest()]
      #expect(digests[0] != digests[1])
    }
  }

  @Test func `Names without the prefix of a whole model are found, and modules saved whole`() throws
  {
    let module = "base_model.model.layers.1.self_attn.q_proj"
    let norm = Tensor(repeating: 7, [16])
    try merged(
      names: ("\(module).lora_A.weight", "\(module).lora_B.weight"),
      others: [("base_model.model.model.norm.weight", norm)]
    ) { base, model in
      let found = model.source.tensors[key]?.widened().elements ?? []
      #expect(relativeRMS(found, expected(base, scale: 3).map(Double.init)) < 1e-6)
      #expect(model.source.tensors["model.norm.weight"]?.widened().elements == norm.elements)
    }
  }

  private func problems(
    _ settings: JSONObject = [:], down: Tensor? = nil, others: [(String, Tensor)] = []
  ) -> String {
    let error = #expect(throws: ModelError.self) {
      try merged(settings, down: down, others: others) { _, _ in }
    }
    return error?.problems.joined(separator: "\n") ?? ""
  }

  @Test func `What an adapter has that is not LoRA is refused`() {
    #expect(problems(["peft_type": "IA3"]).contains("peft_type is \"IA3\", expected LORA"))
    #expect(problems(["use_dora": true]).contains("use_dora is true"))
    #expect(problems(["bias": "all"]).contains("bias is \"all\", expected none"))
    #expect(
      problems(down: Tensor(zeros: [2, 15])).contains(
        "\(key) is of [16, 16], but the adapter was trained beside [16, 15]"))
    #expect(
      problems(others: [("base_model.model.other.weight", Tensor(zeros: [2]))]).contains(
        "base_model.model.other.weight of [2] has no place in the base model"))
  }
}

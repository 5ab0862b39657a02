import Checkpoints
import Differentiation
import Documents
import Foundation
import ModelsTestSupport
import Operations
import TensorCore
import TestSupport
import Testing
import Transformers

@testable import Models

@Suite struct RADLADSFolderTests {
  private func logits(_ model: LoadedModel) -> [Float] {
    let tokens: [Int32] = [1, 7, 3, 9, 30, 2, 2, 11, 5, 17, 21, 33]
    let hidden = model.decoder.hiddenStates(
      tokens, layout: SequenceLayout(length: tokens.count), on: Tape(isRecording: false))
    return model.decoder.logits(hidden.value).elements
  }

  private static let students: [(student: JSONValue, configuration: JSONObject)] = [
    (
      ["mixer": "rad-rwkv6", "tokenShiftRank": 3, "decayRank": 2],
      ["model_type": "rwkv6qwen2", "lora_rank_tokenshift": nil, "gate_rank_type": 1]
    ),
    (
      [
        "mixer": "rad-rwkv6", "tokenShift": false, "balanceState": false, "groupNorm": true,
        "rotary": true, "gateRankType": 0,
      ],
      [
        "model_type": "rwkv6qwen2", "use_rope": true, "balance_state": false,
        "groupnorm_att": true, "use_tokenshift": false, "gate_rank_type": 0,
      ]
    ),
    (
      [
        "mixer": "rad-rwkv7", "balanceState": false, "decayRank": 2, "learningRateRank": 3,
        "valueMixRank": 4, "gateRank": 5,
      ],
      ["model_type": "rwkv7qwen2", "use_rope": true, "lora_rank_decay": 2]
    ),
    (
      ["mixer": "rad-rwkv7", "rotary": false],
      ["model_type": "rwkv7qwen2", "use_rope": false, "balance_state": 1, "groupnorm_att": 0]
    ),
  ]

  /// A student of this program as the reference's code would have written it.
  private func write(_ index: Int, in folder: String) throws -> (expected: [Float], path: String) {
    let (student, keys) = Self.students[index]
    try TinyCheckpoint.write(TinyCheckpoint.llama(), to: folder)
    let path = "\(folder)/student.h5"
    try TinyCheckpoint.writeStudent(of: folder, to: path, student: student)
    let model = try LoadedModel.open(path)
    let expected = logits(model)
    let out = "\(folder)/out"
    _ = try ModelExport(model, type: nil, mergesAdapters: true, shardBytes: 1 << 30).run(to: out)
    var configuration = try #require(TinyCheckpoint.llama().configuration.objectValue)
    for (key, value) in keys.members { configuration[key] = value }
    var tensors = try LoadedModel.open(out).source.tensors
    if model.student?.student["mixer"] == "rad-rwkv7" {
      for layer in 0..<2 {
        for name in ["r_k", "k_k", "k_a", "v0", "v1", "v2"]
        where tensors["model.layers.\(layer).self_attn.\(name)"] == nil {
          tensors["model.layers.\(layer).self_attn.\(name)"] = StoredTensor(Tensor(zeros: [16]))
        }
      }
    }
    try FileManager.default.removeItem(atPath: out)
    try FileManager.default.createDirectory(atPath: out, withIntermediateDirectories: true)
    try SafetensorsWriter().write(tensors.map { ($0.key, $0.value) }, into: out)
    try DocumentFile("\(out)/config.json").replace(with: JSONValue.object(configuration).pretty)
    return (expected, out)
  }

  @Test(arguments: students.indices)
  func `A folder of RADLADS' own is the student that it describes`(index: Int) throws {
    try withTemporaryFolder { folder in
      let (expected, path) = try write(index, in: folder)
      let model = try LoadedModel.open(path)
      #expect(relativeRMS(logits(model), expected.map(Double.init)) < 1e-5)
      #expect(model.decoder.convertedLayers == [0, 1])
      // And it is exported as any student.
      _ = try ModelExport(model, type: nil, mergesAdapters: false, shardBytes: 1 << 30)
        .run(to: "\(folder)/again")
      #expect(
        relativeRMS(logits(try LoadedModel.open("\(folder)/again")), expected.map(Double.init))
          < 1e-5)
    }
  }

  @Test func `A tensor without a place is refused by name`() throws {
    try withTemporaryFolder { folder in
      let (_, path) = try write(0, in: folder)
      var configuration = try #require(try DocumentFile("\(path)/config.json").read().objectValue)
      configuration["use_tokenshift"] = false
      try DocumentFile("\(path)/config.json").replace(
        with: JSONValue.object(configuration).pretty)
      let error = #expect(throws: ModelError.self) { try LoadedModel.open(path) }
      #expect(error?.description.contains("self_attn.time_maa_g") == true)
    }
  }
}

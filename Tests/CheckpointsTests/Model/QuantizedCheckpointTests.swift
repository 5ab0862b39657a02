import Checkpoints
import Documents
import Foundation
import Testing

/// Packed checkpoints against weights that `scripts/goldens/quantized.py` has by the formulas, and
/// `scripts/goldens/bits_and_bytes.py` of bitsandbytes itself.
struct QuantizedCheckpointTests {
  static let goldens = [
    "gptq", "gptq-unlisted", "gptq-ordered", "gptq-second", "gptq-whole", "gptq-cut", "awq",
    "fp8-blocks", "fp8-brain", "fp8-tensor", "fp8-rows",
    "bitsandbytes/nf4", "bitsandbytes/nf4-nested", "bitsandbytes/nf4-brain",
    "bitsandbytes/fp4-half",
    "bitsandbytes/int8",
  ]

  @Test(arguments: goldens)
  func `Packed weights are the floats of their formula, to the bit`(name: String) throws {
    let source = try ModelSource.open(Goldens.path("quantized/\(name)"))
    let file = try SafetensorsFile(Goldens.path("quantized/\(name)/expected.safetensors"))
    #expect(source.tensors.keys.sorted() == file.tensors.map(\.name).sorted())
    for tensor in file.tensors {
      let expected = try file.stored(tensor)
      let found = try #require(source.tensors[tensor.name])
      #expect(found.shape == expected.shape)
      #expect(found.numbers.map(\.bitPattern) == expected.numbers.map(\.bitPattern))
    }
  }

  /// A model that is written has floats; but how they were packed decides what they are.
  @Test func `How weights were packed is no setting of the model, and part of its identity`() throws
  {
    let source = try ModelSource.open(Goldens.path("quantized/gptq"))
    #expect(source.configuration["quantization_config"] == nil)
    #expect(source.configuration["model_type"] == "llama")
    #expect(source.documentDigests["quantization_config"] != nil)
  }

  struct Refusal: Sendable {
    let golden: String
    let settings: JSONObject
    let message: String

    init(_ golden: String, _ settings: [(String, JSONValue)], _ message: String) {
      self.golden = golden
      self.settings = JSONObject(settings.map { (key: $0.0, value: $0.1) })
      self.message = message
    }
  }

  static let refusals = [
    Refusal(
      "gptq", [("quant_method", "compressed-tensors")],
      #"quant_method: found "compressed-tensors", expected gptq, awq, fp8, bitsandbytes, or weights as"#
    ),
    Refusal("gptq", [("quant_method", nil)], "quant_method: found null, expected gptq"),
    Refusal("gptq", [("bits", 8)], "quantization_config.bits: found 8, expected 4"),
    Refusal("gptq", [("group_size", 0)], "quantization_config.group_size: found 0, expected"),
    Refusal("gptq", [("checkpoint_format", "marlin")], #"found "marlin", expected "gptq" or"#),
    Refusal("gptq", [("is_marlin_format", true)], "is_marlin_format: found true"),
    Refusal("gptq", [("dynamic", ["-:a": [:]])], "quantization_config.dynamic: found"),
    Refusal(
      "gptq", [("group_size", 16)],
      "quant_method gptq, tensor model.a.scales: found [2, 24], expected [4, 24]"),
    Refusal(
      "gptq-unlisted", [("desc_act", true)],
      "tensor model.a.g_idx: found no such tensor, expected it, as desc_act is true"),
    Refusal(
      "gptq-ordered", [("group_size", -1)],
      "tensor model.a.scales: found [3, 16], expected [1, 16]"),
    Refusal("awq", [("version", "gemv")], #"version: found "gemv", expected "gemm""#),
    Refusal("awq", [("quant_method", "gptq"), ("version", nil)], "tensor model.a.qweight"),
    Refusal("fp8-blocks", [("fmt", "e5m2")], #"fmt: found "e5m2", expected "e4m3""#),
    Refusal(
      "fp8-blocks", [("weight_block_size", [64, 128])],
      "tensor model.a.weight_scale_inv: found [2, 2], expected [3, 2]"),
    Refusal(
      "fp8-blocks", [("weight_block_size", nil)],
      "tensor model.a.weight_scale_inv: found [2, 2], expected one scale"),
    Refusal("fp8-blocks", [("weight_block_size", 128)], "weight_block_size: found 128"),
  ]

  @Test(arguments: refusals)
  func `What would be read as other numbers is refused in a line`(refusal: Refusal) throws {
    var settings = try #require(
      try DocumentFile(Goldens.path("quantized/\(refusal.golden)/config.json")).read()[
        "quantization_config"]?.objectValue)
    for (key, value) in refusal.settings.members { settings[key] = value }
    let error = try #require(try refused(refusal.golden, .object(settings), family: "llama"))
    #expect(error.contains(refusal.message), "\(error)")
    #expect(!error.contains("\n"))
  }

  @Test func `GPT-2's layers and packed weights without settings are refused`() throws {
    let settings: JSONValue = ["quant_method": "gptq", "bits": 4, "group_size": 32]
    let turned = try #require(try refused("gptq", settings, family: "gpt2"))
    #expect(turned.contains("expected weights of GPT-2 as floats"), "\(turned)")
    let bare = try #require(try refused("gptq", nil, family: "llama"))
    #expect(bare.contains("quantization_config: found nothing beside the packed"), "\(bare)")
  }

  /// The error on opening a golden's weights under other settings.
  private func refused(
    _ golden: String, _ settings: JSONValue, family: String
  ) throws -> String? {
    let configuration: JSONValue = [
      "model_type": .string(family), "quantization_config": settings,
    ]
    let folder = try ModelFolder(configuration: configuration.compact)
    try write(
      try Goldens.bytes("quantized/\(golden)/model.safetensors"),
      to: folder.folder.file("model.safetensors"))
    return #expect(throws: CheckpointError.self) { try ModelSource.open(folder.path) }?.description
  }
}

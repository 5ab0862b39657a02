import Checkpoints
import Documents
import Foundation
import TensorCore
import Transformers

/// Writes a student's low-rank updates as a folder that PEFT opens, and beside them, in `base`, the
/// student without them, which transformers opens.
public struct AdapterExport {
  private let model: LoadedModel
  private let type: ExportType?
  private let shardBytes: Int

  /// - Parameters:
  ///   - type: of the base's tensors; nil keeps plain ones and makes float32 of quantised ones.
  ///   - shardBytes: bytes of tensors a file of the base at most.
  public init(_ model: LoadedModel, type: ExportType?, shardBytes: Int) {
    self.model = model
    self.type = type
    self.shardBytes = shardBytes
  }

  /// - Returns: names of the files written.
  /// - Throws: `ExportError`, `PublicationError`, `DocumentFile.Failure`; the output is then as it was.
  public func run(to output: String) throws -> [String] {
    let folder = ExportFolder(output)
    try folder.requireFree()
    guard let adapters = model.student?.adapters else {
      throw ExportError.noAdapters(path: model.location)
    }
    let modules = try modules()
    let tensors: [SafetensorsWriter.NamedTensor] = modules.flatMap { name, adapter in
      [("A", adapter.a), ("B", adapter.b)].map {
        ("base_model.model.\(name).lora_\($0.0).weight", StoredTensor($0.1.value))
      }
    }
    for layer in model.decoder.layers { layer.adapters = [:] }
    let base = ModelExport(
      model, type: type, adapters: .leftOut, shardBytes: shardBytes)
    return try folder.publish { temporary in
      try SafetensorsWriter().write(tensors, into: temporary)
      // Its own name only now: the writer's is that of a whole model.
      try FileManager.default.moveItem(
        atPath: "\(temporary)/model.safetensors", toPath: "\(temporary)/adapter_model.safetensors")
      try DocumentFile("\(temporary)/adapter_config.json").replace(
        with: configuration(adapters, modules.map(\.name), base: "\(folder.path)/base").pretty)
      _ = try base.run(to: "\(temporary)/base")
    }
  }

  /// The adapted projections by their names in the checkpoint.
  private func modules() throws -> [(name: String, adapter: LowRankAdapter)] {
    var found: [(name: String, adapter: LowRankAdapter)] = []
    for layer in model.decoder.layers {
      for role in AttentionProjection.allCases {
        guard let adapter = layer.adapters[role] else { continue }
        let place = layer.block.attention[role].weight.place
        guard place.rows == nil, !place.isTransposed, place.tensor.hasSuffix(".weight") else {
          throw ExportError.notInPEFT(
            path: model.location, found: "an update of a part of \(place.tensor)",
            expected: "a family whose projections have tensors of their own, such as llama; or "
              + "export --merge")
        }
        found.append((String(place.tensor.dropLast(".weight".count)), adapter))
      }
    }
    return found
  }

  private func configuration(
    _ adapters: StudentArtefact.Adapters, _ modules: [String], base: String
  ) -> JSONValue {
    [
      "peft_type": "LORA", "base_model_name_or_path": .string(base),
      // PEFT's models of the other kind ask the base for its way to generate.
      "task_type": model.decoder.configuration.isEncoder ? "FEATURE_EXTRACTION" : "CAUSAL_LM",
      "inference_mode": true, "r": .integer(adapters.rank), "lora_alpha": .number(adapters.alpha),
      "lora_dropout": 0.0, "bias": "none", "fan_in_fan_out": false, "use_rslora": false,
      "use_dora": false, "modules_to_save": nil,
      // In full: not every layer need have been converted.
      "target_modules": .array(modules.map { .string($0) }),
    ]
  }
}

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

/// That PEFT applies what is written is `scripts/check-peft`'s to prove.
@Suite struct AdapterExportTests {
  private let tokens: [Int32] = [1, 7, 3, 9, 30, 2, 2, 11, 5, 17, 21, 33]

  private func logits(_ model: LoadedModel) -> [Float] {
    let hidden = model.decoder.hiddenStates(
      tokens, layout: SequenceLayout(length: tokens.count), on: Tape(isRecording: false))
    return model.decoder.logits(hidden.value).elements
  }

  private func student(
    in folder: String,
    of teacher: (configuration: JSONValue, shapes: [String: Shape]) = TinyCheckpoint.llama()
  ) throws -> LoadedModel {
    try TinyCheckpoint.write(teacher, to: folder)
    try TinyCheckpoint.writeStudent(of: folder, to: "\(folder)/student.h5")
    return try LoadedModel.open("\(folder)/student.h5")
  }

  @Test func `Adapters and the student without them are written apart`() throws {
    try withTemporaryFolder { folder in
      let model = try student(in: folder)
      let parameters = model.decoder.parameters.map { ($0.name, $0.parameter.value.elements) }
      let adapters = parameters.filter { $0.0.contains("lora_") }
      let names = try AdapterExport(model, type: nil, shardBytes: 1 << 30)
        .run(to: "\(folder)/out")
      #expect(names == ["adapter_config.json", "adapter_model.safetensors", "base"])
      let configuration = try DocumentFile("\(folder)/out/adapter_config.json").read()
      #expect(configuration["r"] == 2)
      #expect(configuration["lora_alpha"]?.doubleValue == 4)
      #expect(configuration["base_model_name_or_path"]?.stringValue == "\(folder)/out/base")
      #expect(
        configuration["target_modules"]?.arrayValue?.first == "model.layers.0.self_attn.q_proj")
      #expect(configuration["target_modules"]?.arrayValue?.count == 8)
      let file = try SafetensorsFile("\(folder)/out/adapter_model.safetensors")
      #expect(file.tensors.count == adapters.count)
      for (name, values) in adapters {
        let found = try #require(file.tensors.first { $0.name == "base_model.model.\(name)" })
        #expect(try file.stored(found).widened().elements == values)
      }
      // The base is the student as it is without its adapters.
      let base = try LoadedModel.open("\(folder)/out/base")
      #expect(base.student?.adapters == nil)
      let bare = try LoadedModel.open("\(folder)/student.h5")
      for layer in bare.decoder.layers { layer.adapters = [:] }
      #expect(logits(base) == logits(bare))
    }
  }

  @Test func `Updates of parts of a tensor, and students without any, are refused`() throws {
    try withTemporaryFolder { folder in
      let model = try student(in: folder, of: TinyCheckpoint.gptNeoX())
      var error = #expect(throws: ExportError.self) {
        try AdapterExport(model, type: nil, shardBytes: 1 << 30).run(to: "\(folder)/out")
      }
      #expect(error?.description.contains("a part of gpt_neox.layers.0") == true)
      error = #expect(throws: ExportError.self) {
        try AdapterExport(try LoadedModel.open(folder), type: nil, shardBytes: 1 << 30)
          .run(to: "\(folder)/out")
      }
      #expect(error?.description.contains("has no low-rank updates") == true)
      #expect(!FileManager.default.fileExists(atPath: "\(folder)/out"))
    }
  }

  @Test func `A merged artefact computes what the adapted one did`() throws {
    try withTemporaryFolder { folder in
      let model = try student(in: folder)
      let expected = logits(model).map(Double.init)
      try StudentMerge(model).run(to: "\(folder)/merged.h5")
      let merged = try LoadedModel.open("\(folder)/merged.h5")
      #expect(merged.student?.adapters == nil)
      #expect(relativeRMS(logits(merged), expected) < 1e-5)
      for path in ["\(folder)/merged.h5", folder] {
        let error = #expect(throws: ExportError.self) {
          try StudentMerge(try LoadedModel.open(path)).run(to: "\(folder)/again.h5")
        }
        #expect(error?.description.contains("has no low-rank updates") == true)
      }
    }
  }

  @Test func `An exported folder is merged by exporting it`() throws {
    try withTemporaryFolder { folder in
      _ = try ModelExport(
        try student(in: folder), type: nil, mergesAdapters: false, shardBytes: 1 << 30
      ).run(to: "\(folder)/out")
      let error = #expect(throws: ExportError.self) {
        try StudentMerge(try LoadedModel.open("\(folder)/out")).run(to: "\(folder)/merged.h5")
      }
      #expect(error?.description.contains("export --merge") == true)
    }
  }
}

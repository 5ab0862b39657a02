import Documents
import Foundation
import ModelsTestSupport
import TestSupport
import Testing

@testable import Models

@Suite struct InspectionTests {
  @Test func `A folder shows tensors, files and the model's sizes`() throws {
    try withTemporaryFolder { folder in
      try TinyCheckpoint.write(TinyCheckpoint.llama(), to: folder)
      let inspection = try Inspection(folder)
      #expect(inspection.format == "safetensors")
      #expect(inspection.tensors.count == 20)
      #expect(inspection.files.map(\.name) == ["model.safetensors"])
      let text = inspection.text
      for line in [
        "  attention     2 query heads, 1 key-value heads of 8",
        "  vocabulary    40, head tied to embedding",
      ] {
        #expect(text.contains(line + "\n"), "\(text)")
      }
      let document = try JSONValue(parsing: inspection.document.pretty)
      #expect(document["tensors"]?.arrayValue?.count == 20)
      #expect(document["configuration"]?["hidden_size"] == 16)
    }
  }

  @Test func `A student's artefact says what it is`() throws {
    try withTemporaryFolder { folder in
      try TinyCheckpoint.write(TinyCheckpoint.llama(), to: folder)
      try TinyCheckpoint.writeStudent(of: folder, to: "\(folder)/student.h5")
      let inspection = try Inspection("\(folder)/student.h5")
      #expect(inspection.format == "HDF5")
      let map = try #require(
        inspection.tensors.first {
          $0.name == "model.layers.0.self_attn.feature_map_q.mlp.layer"
        })
      #expect(map.shape == [2, 8, 8] && map.bytes == 512 && map.type == "F32")
      #expect(inspection.text.contains("  student            terrace-window\n"))
      #expect(inspection.text.contains("  adapters           rank 2\n"))
    }
  }

  @Test func `A model of an unknown family is shown with the reason why it cannot be run`() throws {
    try withTemporaryFolder { folder in
      var model = TinyCheckpoint.llama()
      var object = try #require(model.configuration.objectValue)
      object["model_type"] = "rwkv"
      model.configuration = .object(object)
      try TinyCheckpoint.write(model, to: folder)
      let text = try Inspection(folder).text
      #expect(text.contains("  cannot be run  \(folder): the model family \"rwkv\" is not known"))
      #expect(text.contains("model.embed_tokens.weight"))
    }
  }

  @Test func `A path that is no checkpoint is refused`() throws {
    try withTemporaryFolder { folder in
      #expect(throws: InputError.self) { try Inspection(folder) }
      let error = #expect(throws: DocumentFile.Failure.self) { try Inspection("\(folder)/none") }
      #expect(error?.exitCode == .missingInput)
    }
  }
}

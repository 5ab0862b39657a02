import Documents
import Foundation
import Testing

@testable import Transformers

@Suite struct UnreadKeysTests {
  /// What transformers writes for each family it knows.
  @Test func `No key that transformers writes for a family is unread`() throws {
    let folders = try FileManager.default.contentsOfDirectory(
      at: TeacherGolden.folder, includingPropertiesForKeys: nil)
    var families: Set<String> = []
    for folder in folders {
      let file = folder.appendingPathComponent("config.json")
      guard FileManager.default.fileExists(atPath: file.path) else { continue }
      let document = try JSONValue(parsing: try Data(contentsOf: file))
      families.insert(try #require(document["model_type"]?.stringValue))
      #expect(TeacherFamilies.unreadKeys(document) == [], "\(folder.lastPathComponent)")
    }
    #expect(families.count == TeacherFamilies.all.count)
  }

  @Test func `A key that no family knows is named, and one that another family reads`() throws {
    let file = TeacherGolden.folder.appendingPathComponent("llama/config.json")
    let document = try JSONValue(parsing: try Data(contentsOf: file))
    var members = try #require(document.objectValue)
    members["residual_multiplier"] = 0.2
    members["final_logit_softcapping"] = 30
    members["_attn_implementation_autoset"] = true
    members["eos_token_id"] = 2
    #expect(
      TeacherFamilies.unreadKeys(.object(members)) == [
        "final_logit_softcapping", "residual_multiplier",
      ])
    members["hidden_size"] = "wide"
    #expect(TeacherFamilies.unreadKeys(.object(members)) == [])
    #expect(TeacherFamilies.unreadKeys(["model_type": "other", "x": 1]) == [])
  }
}

import Checkpoints
import Documents
import Transformers

extension StudentArtefact {
  /// Digests of the files beside a teacher's weights that decide what a student of it computes.
  public static func files(of teacher: ModelSource) -> JSONObject {
    let names = ["config.json", "tokenizer.json"]
    return JSONObject(teacher.documentDigests.members.filter { names.contains($0.key) })
  }

  /// - Throws: `ModelError` naming the files that say something else than when the student was made.
  func requireFiles(of teacher: ModelSource, at path: String) throws {
    let found = Self.files(of: teacher)
    let changed = teacherFiles.keys.filter { found[$0] != teacherFiles[$0] }
    if changed.isEmpty { return }
    throw ModelError(
      location: path,
      problems: [
        "its teacher \(teacher.location) has another \(changed.joined(separator: " and ")) than when "
          + "the student was made; undo the change, or make the student anew"
      ])
  }
}

extension LoadedModel {
  /// - Throws: `ModelError` naming the first tensor with a number that is none: training would spread it.
  public func requireFiniteWeights() throws {
    for (name, tensor) in source.tensors.sorted(by: { $0.key < $1.key }) {
      defer { tensor.releasePages() }
      guard let element = tensor.firstNonFinite else { continue }
      throw ModelError(
        location: source.location,
        problems: [
          "\(name) has the value \(element.value) (element \(element.index)), expected numbers; the "
            + "checkpoint is damaged, or was saved when its training had failed"
        ])
    }
  }
}

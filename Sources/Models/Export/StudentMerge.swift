import Foundation
import Transformers

/// Writes a student as an artefact without adapters: added into their projections, which stand in full.
public struct StudentMerge {
  private let model: LoadedModel

  /// A merge of a student's adapters.
  public init(_ model: LoadedModel) { self.model = model }

  /// - Throws: `ExportError`, and what writing an artefact throws; the output is then as it was.
  public func run(to output: String) throws {
    guard !FileManager.default.fileExists(atPath: output) else {
      throw ExportError.fileExists(path: output)
    }
    guard var student = model.student, student.adapters != nil else {
      throw ExportError.noAdapters(path: model.location)
    }
    if model.source.location == model.location {
      // What was trained stands among what was not, and an artefact would leave it behind.
      throw ExportError.notMergedApart(path: model.location)
    }
    model.decoder.mergeAdapters()
    student.adapters = nil
    student.tensors = StudentArtefact.tensors(of: model.decoder)
    student.teacherPath = model.source.location
    try student.write(to: output)
  }
}

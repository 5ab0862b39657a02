import Foundation

/// What the stages of a run have left in its folder.
struct RunArtefacts {
  /// `01-attention-transfer.h5`, in the order of their numbers; those of runs from before numbers
  /// come first, in the order in which stages had to stand then.
  private let names: [String]
  private let folder: String

  /// Stages that wrote artefacts without a number, in their fixed order.
  private static let unnumbered = [
    "pretrain", "attention-transfer", "output-alignment", "low-rank-adaptation",
    "logit-distillation", "finetune", "embedding-distillation",
  ]

  /// - Parameter run: the folder of a run; nil for any other.
  /// - Throws: what reading the folder throws.
  init?(_ run: String) throws {
    folder = "\(run)/artefacts"
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: folder, isDirectory: &isFolder),
      isFolder.boolValue
    else { return nil }
    names = try FileManager.default.contentsOfDirectory(atPath: folder)
      .compactMap { name in Self.place(of: name).map { (place: $0, name: name) } }
      .sorted { $0.place < $1.place }.map(\.name)
  }

  private static func place(of name: String) -> Int? {
    let stem = name.hasSuffix(".h5") ? String(name.dropLast(3)) : name
    if let index = unnumbered.firstIndex(of: stem) { return index - unnumbered.count }
    // What a killed process left half written has other names.
    guard stem.allSatisfy({ $0.isLetter || $0.isNumber || "-_".contains($0) }) else { return nil }
    let parts = stem.split(separator: "-", maxSplits: 1)
    return parts.count == 2 ? Int(parts[0]) : nil
  }

  /// The student as the last stage left it.
  var lastStudent: String? { names.last { $0.hasSuffix(".h5") }.map { "\(folder)/\($0)" } }

  /// The student as the stages before one left it; nil where none did.
  ///
  /// - Parameter position: the stage's among all of the recipe, from 1.
  func student(before position: Int) -> String? {
    names.last { name in name.hasSuffix(".h5") && (Self.place(of: name) ?? 0) < position }
      .map { "\(folder)/\($0)" }
  }

  /// The folder of the model that was pretrained last.
  var lastModel: String? { names.last { !$0.hasSuffix(".h5") }.map { "\(folder)/\($0)" } }
}

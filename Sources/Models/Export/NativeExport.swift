import Checkpoints
import Documents
import Foundation
import TensorCore
import Transformers

/// Models of other programs that a hybrid can be, so that they run it with code of their own.
public enum NativeModel: Sendable {
  /// A Qwen 3 teacher's hybrid of gated delta nets as a text model of Qwen3.5, `qwen3_5_text`.
  case qwen35
  /// A Llama-like teacher's hybrid of Mamba-2 as a `granitemoehybrid` without experts.
  case graniteHybrid

  fileprivate var student: any NativeStudent.Type {
    switch self {
    case .qwen35: Qwen35Student.self
    case .graniteHybrid: GraniteStudent.self
    }
  }
}

/// A hybrid as a model that transformers and llama.cpp have the code for.
protocol NativeStudent {
  /// As transformers calls it.
  static var title: String { get }
  /// Students that can be one: "one of a … teacher with …".
  static var fitting: String { get }

  /// - Parameter document: the recipe's student with every default spelled.
  init(_ decoder: Decoder, _ document: JSONValue)

  /// The student, with what of it the model does not have.
  var hybrid: NativeHybrid { get }

  /// As transformers has them.
  ///
  /// - Precondition: nothing is refused.
  var tensors: [SafetensorsWriter.NamedTensor] { get }

  /// What the model's `config.json` says of its sizes and layers.
  var configuration: JSONObject { get }
}

/// Writes a hybrid as a folder that transformers 5 opens with no code of this program's.
///
/// The folder is no student any more: this program does not read it back.
public struct NativeExport {
  private let model: LoadedModel
  private let kind: any NativeStudent.Type
  private let type: ExportType?
  private let mergesAdapters: Bool
  private let shardBytes: Int

  /// - Parameters:
  ///   - type: of all tensors; nil for that of the teacher's embeddings, float32 if they are quantised.
  ///   - mergesAdapters: add low-rank updates into their projections; there is no place for them.
  ///   - shardBytes: bytes of tensors a file at most.
  public init(
    _ model: LoadedModel, as native: NativeModel, type: ExportType?, mergesAdapters: Bool,
    shardBytes: Int
  ) {
    self.model = model
    kind = native.student
    self.type = type
    self.mergesAdapters = mergesAdapters
    self.shardBytes = shardBytes
  }

  private var exportedType: ExportType {
    type ?? ExportType(model.decoder.weights.original.embedding.stored.elementType)
  }

  /// - Returns: names of the files written.
  /// - Throws: `ExportError`, `PublicationError`, `DocumentFile.Failure`, `ResultsError`; the output is
  ///   then as it was.
  public func run(to output: String) throws -> [String] {
    let folder = ExportFolder(output)
    try folder.requireFree()
    guard var artefact = model.student else {
      throw refused([(found: "no student", expected: kind.fitting)])
    }
    if mergesAdapters {
      model.decoder.mergeAdapters()
      artefact.adapters = nil
    }
    let student = kind.init(
      model.decoder, try PortableStudent.document(artefact.student, location: model.location))
    if !student.hybrid.refusals.isEmpty { throw refused(student.hybrid.refusals) }
    let writer = SafetensorsWriter(
      elementType: exportedType.elementType, maximumShardBytes: shardBytes)
    let tensors = student.tensors.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    try exportedType.require(tensors)
    let card = try ModelCard(model, student: artefact, type: exportedType, native: kind.title)
      .text()
    return try folder.publish { temporary in
      try writer.write(tensors, into: temporary)
      try DocumentFile("\(temporary)/config.json").replace(with: configuration(student).pretty)
      try writeTokenizer(to: temporary)
      try GenerationSettings(model).write(to: temporary)
      try DocumentFile("\(temporary)/README.md").replace(with: card)
    }
  }

  private func refused(_ refusals: [(found: String, expected: String)]) -> ExportError {
    .notNative(
      path: model.location, model: kind.title,
      refusals: refusals.map { .init(found: $0.found, expected: $0.expected) })
  }

  /// Where nothing names the tokenizer's class, transformers takes the model's own, which splits words
  /// otherwise than the teacher's does.
  private func writeTokenizer(to folder: String) throws {
    try ExportedTokenizer(model.source).write(to: folder)
    guard DocumentFile("\(folder)/tokenizer.json").exists else { return }
    let file = DocumentFile("\(folder)/tokenizer_config.json")
    var object = file.exists ? try file.read().objectValue ?? JSONObject() : JSONObject()
    if object["tokenizer_class"] != nil { return }
    object["tokenizer_class"] = "PreTrainedTokenizerFast"
    try file.replace(with: JSONValue.object(object).pretty)
  }

  private func configuration(_ student: any NativeStudent) -> JSONValue {
    var object = student.configuration
    object["tie_word_embeddings"] = .bool(model.decoder.isHeadTied)
    object["dtype"] = .string(exportedType.rawValue)
    // Left out, they would be the model's own defaults.
    for key in ["bos_token_id", "eos_token_id", "pad_token_id"] {
      object[key] = model.source.configuration[key] ?? .null
    }
    return .object(object)
  }
}

import Checkpoints
import Documents
import Foundation
import TensorCore
import Transformers

/// Writes a model as a folder of the Hugging Face kind: `config.json`, the tokenizer, safetensors.
///
/// Frozen tensors equal the teacher's. A student's are added under the names of its artefact, and
/// `config.json` has a member `linearize` that says what they are; with that, the folder is a
/// student again for every command here. Unless every layer is still the teacher's softmax attention,
/// its `model_type` is `linearize`, and beside it stand the Python module by which transformers opens
/// it and a model card.
public struct ModelExport {
  private let model: LoadedModel
  private let type: ExportType?
  private let adapters: Adapters
  private let shardBytes: Int

  /// What becomes of low-rank updates.
  enum Adapters { case apart, merged, leftOut }

  /// - Parameters:
  ///   - type: of all tensors; nil keeps plain types as they are stored and makes float32 of
  ///     quantised ones.
  ///   - mergesAdapters: add low-rank updates into their projections.
  ///   - shardBytes: bytes of tensors a file at most.
  public init(_ model: LoadedModel, type: ExportType?, mergesAdapters: Bool, shardBytes: Int) {
    self.init(
      model, type: type, adapters: mergesAdapters ? .merged : .apart, shardBytes: shardBytes)
  }

  init(_ model: LoadedModel, type: ExportType?, adapters: Adapters, shardBytes: Int) {
    self.model = model
    self.type = type
    self.adapters = adapters
    self.shardBytes = shardBytes
  }

  /// - Returns: names of the files written.
  /// - Throws: `ExportError`, `PublicationError`, `DocumentFile.Failure`, `ResultsError`; the output is
  ///   then as it was.
  public func run(to output: String) throws -> [String] {
    let folder = ExportFolder(output)
    try folder.requireFree()
    let tensors = try tensors().sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    try type?.require(tensors)
    let student = exportedStudent
    let portable = try student.flatMap { try portableModel($0, tensors) }
    let card = try portable == nil ? nil : student.map(card)
    let writer = SafetensorsWriter(
      elementType: type?.elementType, maximumShardBytes: shardBytes)
    return try folder.publish { temporary in
      try writer.write(tensors, into: temporary)
      try DocumentFile("\(temporary)/config.json").replace(
        with: try configuration(student, portable).pretty)
      try ExportedTokenizer(model.source).write(to: temporary)
      try writeSentenceModules(to: temporary)
      guard portable != nil, let card else { return }
      try DocumentFile("\(temporary)/README.md").replace(with: card)
      try DocumentFile("\(temporary)/\(ExportedConfiguration.module).py").replace(
        with: String(decoding: PackageResources.modeling_linearize_py, as: UTF8.self))
      try GenerationSettings(model).write(to: temporary)
    }
  }

  /// What says how an encoder's hidden states become embeddings.
  private func writeSentenceModules(to folder: String) throws {
    for (path, document) in model.source.sentenceModules.sorted(by: { $0.key < $1.key }) {
      try FileManager.default.createDirectory(
        atPath: FilePath.folder(of: "\(folder)/\(path)"), withIntermediateDirectories: true)
      try DocumentFile("\(folder)/\(path)").replace(with: document.pretty)
    }
  }

  // MARK: Tensors

  private func tensors() throws -> [SafetensorsWriter.NamedTensor] {
    if adapters == .merged { model.decoder.mergeAdapters() }
    var frozen = model.source.tensors
    // An exported student that is exported again brings its own tensors along.
    for (name, _) in model.student?.tensors ?? [] { frozen[name] = nil }
    for (name, _) in model.decoder.constants { frozen[name] = nil }
    frozen = model.decoder.checkpointTensors(frozen)
    if isTransposedFromGGUF {
      for (name, tensor) in frozen where isConv1D(name) {
        frozen[name] = StoredTensor(transposed(tensor.widened()))
      }
    }
    let weights = Set(model.decoder.ownWeights.map(\.name))
    return frozen.map { ($0.key, $0.value) }
      + model.decoder.parameters.filter { !weights.contains($0.name) }
      .map { ($0.name, StoredTensor($0.parameter.value)) }
      + model.decoder.constants.map { ($0.name, StoredTensor($0.value)) }
  }

  // MARK: GPT-2 from GGUF

  /// GGUF holds GPT-2's weights `[outputs, inputs]`; its own checkpoints the other way round.
  private var isTransposedFromGGUF: Bool {
    model.source.configuration[Self.transposedKey]?.boolValue ?? false
  }

  private static let transposedKey = "linearize_conv1d_transposed"

  private func isConv1D(_ name: String) -> Bool {
    [".c_attn.weight", ".c_proj.weight", ".c_fc.weight"].contains { name.hasSuffix($0) }
  }

  // MARK: Configuration

  private var exportedType: ExportType {
    type ?? ExportType(model.decoder.weights.original.embedding.stored.elementType)
  }

  /// What the folder says of the student, its adapters as they are exported.
  private var exportedStudent: StudentArtefact? {
    var student = model.student
    if adapters != .apart { student?.adapters = nil }
    return student
  }

  /// nil where the teacher's code computes what the student does.
  private func portableModel(
    _ student: StudentArtefact, _ tensors: [SafetensorsWriter.NamedTensor]
  ) throws -> PortableModel? {
    if model.decoder.convertedLayers.isEmpty, student.adapters == nil { return nil }
    return try PortableModel(
      model, student: student,
      shapes: Dictionary(uniqueKeysWithValues: tensors.map { ($0.name, $0.tensor.shape) }),
      isTransposed: { isTransposedFromGGUF && isConv1D($0) })
  }

  private func card(_ student: StudentArtefact) throws -> String {
    try ModelCard(model, student: student, type: exportedType).text()
  }

  /// What other programs than transformers know the student by.
  private func reference(_ student: StudentArtefact) throws -> JSONObject {
    let document = try PortableStudent.document(student.student, location: model.location)
    guard document["mixer"]?.stringValue == "rad-rwkv6", student.adapters == nil else {
      return JSONObject()
    }
    return GGUFRADRWKV6(model.decoder, document).converterConfiguration
  }

  private func configuration(
    _ student: StudentArtefact?, _ portable: PortableModel?
  ) throws -> JSONValue {
    var object = model.source.configuration.objectValue ?? JSONObject()
    object[Self.transposedKey] = nil
    // transformers 5 writes `dtype`, earlier ones `torch_dtype`.
    object[object["dtype"] == nil ? "torch_dtype" : "dtype"] = .string(exportedType.rawValue)
    let isToldTied =
      model.decoder.configuration.tiesHead || object["tie_word_embeddings"]?.boolValue == true
    if isToldTied, !model.decoder.isHeadTied {
      object["tie_word_embeddings"] = false
    }
    guard let student else { return .object(object) }
    return .object(
      ExportedConfiguration.make(
        teacher: object, student: student.document,
        reference: portable == nil ? JSONObject() : try reference(student),
        model: portable?.document,
        isEncoder: model.decoder.configuration.isEncoder))
  }
}

import Checkpoints
import Documents
import Foundation
import TensorCore
import Transformers

/// Writes a model as one GGUF file that llama.cpp runs without any code of this program's: a teacher
/// or a merged one as its own architecture, RAD-RWKV6 as `rwkv6qwen2`, RAD-RWKV7 as `arwkv7`, a Qwen 3
/// teacher's hybrid of gated delta nets as `qwen35`, a Llama-like one's of Mamba-2 as `granitehybrid`.
///
/// What llama.cpp has no code for is refused by name before anything is written.
public struct GGUFExport {
  private let model: LoadedModel
  private let type: GGUFType?
  private let mergesAdapters: Bool

  /// - Parameters:
  ///   - type: of all matrices; nil keeps frozen ones as they are stored.
  ///   - mergesAdapters: add low-rank updates into their projections; such a file has no place for them
  ///     beside.
  public init(_ model: LoadedModel, type: GGUFType?, mergesAdapters: Bool) {
    self.model = model
    self.type = type
    self.mergesAdapters = mergesAdapters
  }

  /// - Returns: the bytes written.
  /// - Throws: `ExportError`, `CheckpointError`, `PublicationError`; the output is then as it was.
  @discardableResult
  public func run(to output: String) throws -> Int {
    guard !FileManager.default.fileExists(atPath: output) else {
      throw ExportError.fileExists(path: output)
    }
    if mergesAdapters { model.decoder.mergeAdapters() }
    let contents = try contents()
    let tokenizer = try GGUFTokenizer(model)
    let refusals = contents.refusals + tokenizer.refusals
    if !refusals.isEmpty {
      throw ExportError.notInGGUF(
        path: model.location, architecture: contents.architecture,
        refusals: refusals.map {
          ExportError.Refusal(found: $0.found, expected: $0.expected)
        })
    }
    var metadata = general(contents)
    for (key, value) in contents.metadata.members + tokenizer.metadata.members {
      metadata[key] = value
    }
    let writer = GGUFWriter(
      metadata: metadata,
      tensors: contents.tensors.map { tensor in
        GGUFWriter.Entry(
          tensor.name, shape: tensor.shape, type: elementType(of: tensor), make: tensor.make)
      })
    try ExportFolder.make(FilePath.folder(of: output))
    try writer.write(to: output)
    return writer.byteCount
  }

  private func elementType(of tensor: GGUFTensor) -> ElementType {
    if let type { return type.elementType(of: tensor) }
    return tensor.keepsFloats ? .float32 : tensor.storedType
  }

  /// The model as the architecture that fits it, with what does not fit.
  private func contents() throws -> GGUFModel {
    var contents = try merged()
    if model.decoder.layers.contains(where: { !$0.adapters.isEmpty }) {
      contents.refuse("adapters beside their projections", expected: "merged ones, with --merge")
    }
    return contents
  }

  /// The model without its adapters.
  private func merged() throws -> GGUFModel {
    let decoder = model.decoder
    guard let student = model.student, !decoder.convertedLayers.isEmpty else {
      return TeacherFamilies.gguf(decoder)
    }
    let document = try PortableStudent.document(student.student, location: model.location)
    switch document["mixer"]?.stringValue {
    case "rad-rwkv6": return GGUFRADRWKV6(decoder, document).model
    case "rad-rwkv7": return GGUFRADRWKV7(decoder, document).model
    case "gated-delta-net": return GGUFQwen35(decoder, document).model
    case "mamba-2": return GGUFGranite(decoder, document).model
    default:
      var refused = GGUFModel(architecture: "none")
      let name = document["mixer"]?.stringValue ?? "window-memory"
      refused.refuse(
        "the mixer \(name)",
        expected:
          "rad-rwkv6, rad-rwkv7, gated-delta-net or mamba-2 beside layers that kept softmax, or softmax "
          + "in every layer with adapters merged")
      return refused
    }
  }

  private func general(_ contents: GGUFModel) -> JSONObject {
    let place = (model.student?.teacherPath ?? model.location).split(separator: "/").last
    let name =
      model.source.metadata["general.name"]?.stringValue ?? place.map(String.init)
      ?? model.location
    var metadata = JSONObject([
      ("general.architecture", .string(contents.architecture)), ("general.type", "model"),
      ("general.name", .string(name)),
    ])
    if let student = model.student {
      metadata["general.description"] = .string(
        "\(name) with \(student.student["mixer"]?.stringValue ?? "softmax"), made by "
          + "\(student.program); SHA-256 of the teacher's weights \(student.teacherDigest)")
    }
    if let type { metadata["general.file_type"] = .integer(type.number) }
    metadata["general.quantization_version"] = 2
    return metadata
  }
}

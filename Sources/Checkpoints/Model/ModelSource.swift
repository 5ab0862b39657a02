import Documents
import Foundation
import TensorCore

/// Any teacher, whatever its file format: in Hugging Face's spelling, but for GGUF, whose metadata
/// and tensors are as the file has them until a family has said what they mean (`respelled`).
public struct ModelSource: Sendable {
  /// What kind of file a model comes from.
  public enum Format: String, Sendable {
    case safetensors, gguf, hdf5
    /// No file: a model that is yet to be trained.
    case memory
  }

  /// As the user gave it.
  public let location: String
  /// The kind of file that was opened.
  public let format: Format
  /// `config.json`; an object without members for GGUF.
  public var configuration: JSONValue
  /// By their names, `[outputs, inputs]`, row-major. Tensors of other types, such as integer masks,
  /// are only in `descriptions`.
  public private(set) var tensors: [String: StoredTensor]
  /// What the headers say of all tensors, as the files spell them.
  public let descriptions: [TensorDescription]
  /// Raw metadata: GGUF's keys, safetensors' `__metadata__`, HDF5's attributes.
  public let metadata: JSONValue
  /// What stands beside the weights of a tokenizer; `nil` when there is none.
  public let tokenizer: TokenizerSource?
  /// `generation_config.json`; nil where there is none.
  public internal(set) var generation: JSONValue?
  /// `quantization_config` of packed weights, which `tensors` has as floats and `configuration`
  /// does not name; nil where none are.
  public internal(set) var quantization: JSONValue?
  /// `adapter_config.json` of an adapter that was merged into the tensors; nil for none.
  var adapter: JSONValue?
  /// Where that adapter lies, as the user named it.
  public var adapterPath: String?
  /// What sentence-transformers keeps beside an encoder, by its path in the folder: `modules.json`
  /// and the `config.json` of each module. Empty where there is none.
  public internal(set) var sentenceModules: [String: JSONValue] = [:]
  /// Files whose bytes are the weights.
  var files: [MappedFile]

  /// Opens a folder with `config.json` and safetensors (or one GGUF file), a `.safetensors` file
  /// beside its `config.json`, a `.gguf` file, or a `.h5` file of a whole model.
  ///
  /// - Throws: `CheckpointError`, `HDF5Error`, `DocumentFile.Failure`.
  public static func open(_ path: String) throws -> ModelSource {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
      throw CheckpointError(
        path, "", found: "no such file or folder",
        expected: "a folder with config.json and safetensors, or a .gguf, .safetensors or .h5 file",
        exitCode: .missingInput)
    }
    if isFolder.boolValue { return try open(folder: path) }
    if path.hasSuffix(".gguf") { return try open(gguf: path, location: path) }
    if path.hasSuffix(".h5") || path.hasSuffix(".hdf5") { return try open(hdf5: path) }
    if path.hasSuffix(".safetensors") {
      let folder = FilePath.folder(of: path)
      if let adapter = try AdapterFolder(folder) { throw adapter.isNoModel }
      try refuseShard(path, folder: folder)
      return try open(
        SafetensorsModel(file: path), folder: folder, location: path)
    }
    throw CheckpointError(
      path, "", found: "a file of another kind",
      expected: "a folder with config.json and safetensors, or a .gguf, .safetensors or .h5 file")
  }

  /// SHA-256 over the weight files: of one file what sha256sum prints; of several, that of the
  /// list which sha256sum prints of them in the order of their names. Without any file over
  /// configuration and tokenizer.
  public func contentDigest() throws -> String {
    format == .memory ? documentDigest : Digest.sha256(of: files)
  }

  static func open(gguf path: String, location: String) throws -> ModelSource {
    let files = try GGUFShards.files(of: path)
    var tensors: [String: StoredTensor] = [:]
    var problems: [CheckpointError.Problem] = []
    for file in files {
      for tensor in file.tensors {
        do throws(CheckpointError) {
          tensors[tensor.name] = try file.stored(tensor)
        } catch {
          problems += error.problems
        }
      }
    }
    if !problems.isEmpty { throw CheckpointError(file: path, problems: problems) }
    let metadata = files[0].metadata
    return ModelSource(
      location: location, format: .gguf, configuration: .object(JSONObject()), tensors: tensors,
      descriptions: files.flatMap(\.tensors), metadata: metadata,
      tokenizer: TokenizerSource(ggufMetadata: metadata), files: files.map(\.mapping))
  }

  /// The same model in Hugging Face's spelling.
  public func respelled(
    configuration: JSONValue, tensors: [String: StoredTensor]
  ) -> ModelSource {
    var source = self
    source.configuration = configuration
    source.tensors = tensors
    return source
  }

  static func open(
    _ model: SafetensorsModel, folder: String, location: String
  ) throws -> ModelSource {
    let descriptions = model.files.flatMap(\.tensors)
    var configuration = try configuration(in: folder)
    let packed = try QuantizedCheckpoint(configuration, location: location)
    if packed == nil {
      try QuantizedCheckpoint.refuseUnexplained(descriptions, location: location)
    }
    let unpacked = try packed?.unpack(model.files) ?? QuantizedCheckpoint.Unpacked()
    var tensors = unpacked.weights
    var problems: [CheckpointError.Problem] = []
    for file in model.files {
      for tensor in file.tensors where !unpacked.sources.contains(tensor.name) {
        guard SafetensorsFile.weightType(tensor.type) != nil else {
          // Masks and counters are of other types in some checkpoints; weights never are.
          guard tensor.name.hasSuffix(".weight") else { continue }
          problems.append(
            .init(
              "tensor \(tensor.name)", found: "elements of type \(tensor.type)",
              expected: "weights of type F32, F16 or BF16"))
          continue
        }
        // Swift's strings are equal when they look the same; names of tensors must not.
        if tensors.updateValue(try file.stored(tensor), forKey: tensor.name) != nil {
          problems.append(
            .init("tensor \(tensor.name)", found: "the name twice", expected: "each name once"))
        }
      }
    }
    if !problems.isEmpty { throw CheckpointError(file: location, problems: problems) }
    if packed != nil, var object = configuration.objectValue {
      object["quantization_config"] = nil
      configuration = .object(object)
    }
    let metadata = model.files.first?.metadata ?? .object(JSONObject())
    return ModelSource(
      location: location, format: .safetensors, configuration: configuration,
      tensors: tensors, descriptions: descriptions, metadata: metadata,
      tokenizer: try tokenizer(in: folder), generation: try generation(in: folder),
      quantization: packed?.settings,
      sentenceModules: try sentenceModules(in: folder), files: model.files.map(\.mapping))
  }
}

import Documents
import Foundation
import TensorCore

/// A folder with a LoRA adapter as PEFT saves it: a change to a model that lies elsewhere.
public struct AdapterFolder {
  /// The folder as the user named it.
  public let path: String
  /// `adapter_config.json`.
  public let configuration: JSONValue

  static let configurationName = "adapter_config.json"
  static let weightsName = "adapter_model.safetensors"

  /// - Parameter path: nil when it holds a model, or no adapter.
  /// - Throws: `DocumentFile.Failure`, `CheckpointError` for a configuration that cannot be read.
  public init?(_ path: String) throws {
    let exists = { (name: String) in FileManager.default.fileExists(atPath: "\(path)/\(name)") }
    guard exists(Self.configurationName), !exists("config.json") else { return nil }
    self.path = path
    configuration = try DocumentFile("\(path)/\(Self.configurationName)").read()
  }

  /// What the adapter changes, as its configuration names it.
  var base: String {
    configuration["base_model_name_or_path"]?.stringValue ?? "a model that it does not name"
  }

  /// Why the folder cannot be opened as a model.
  var isNoModel: CheckpointError {
    CheckpointError(
      path, "", found: "a LoRA adapter of \(base)", expected: "a model",
      remedy: "merge it into its base first (merge_and_unload of PEFT) and name the folder of the "
        + "merged model, or in a recipe name the base as teacher.path and this folder as "
        + "teacher.adapter")
  }

  /// The adapter's tensors by their names.
  ///
  /// - Throws: `CheckpointError`.
  public func tensors() throws -> (tensors: [String: StoredTensor], file: MappedFile) {
    let file = try SafetensorsFile("\(path)/\(Self.weightsName)")
    var tensors: [String: StoredTensor] = [:]
    for tensor in file.tensors { tensors[tensor.name] = try file.stored(tensor) }
    return (tensors, file.mapping)
  }
}

extension ModelSource {
  /// The same model with an adapter merged into its tensors, which then counts as one of its files.
  public func merging(
    _ adapter: AdapterFolder, file: MappedFile, tensors: [String: StoredTensor]
  ) -> ModelSource {
    var source = respelled(configuration: configuration, tensors: tensors)
    source.files.append(file)
    source.adapter = adapter.configuration
    return source
  }
}

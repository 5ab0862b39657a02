import Documents
import Transformers

/// The softmax transformer that is converted, or trained from scratch.
public struct TeacherSpecification: Sendable, Equatable {
  /// A folder with config.json, a .gguf, a .h5 or a .safetensors beside its config.json; relative
  /// to the current directory. nil: `configuration` describes a model of random weights.
  public var path: String?
  /// Folder of a LoRA adapter (PEFT) that is merged into the weights; nil for none.
  public var adapter: String?
  /// SHA-256 that the weight files must have, in lower-case hexadecimal.
  public var sha256: String?
  /// `config.json` of a new model.
  public var configuration: JSONValue?
  /// Folder with the new model's tokenizer.json; nil where text is given as token ids.
  public var tokenizer: String?

  /// Reads the `teacher` of a recipe.
  public init(_ reader: DocumentReader) {
    path = reader.optionalString(
      "path",
      "A folder with config.json, a .gguf, .h5 or .safetensors file; relative to the current "
        + "directory.")
    adapter = reader.optionalString(
      "adapter", "Folder of a LoRA adapter as PEFT saves it, which is merged into the weights.")
    sha256 = reader.optionalString(
      "sha256", "SHA-256 of the weight files; the run refuses other weights. null takes any."
    )?.lowercased()
    configuration = reader.any(
      "configuration",
      "Instead of path: the config.json of a new model, which the stage \"pretrain\" trains.")
    tokenizer = reader.optionalString(
      "tokenizer", "Folder with the tokenizer.json of a new model.")
    if configuration?.isNull == true { configuration = nil }
    reportMistakes(to: reader)
  }

  private func reportMistakes(to reader: DocumentReader) {
    if let path, path.isEmpty { reader.report("path", "is empty; expected a path") }
    if let sha256, sha256.count != 64 || !sha256.allSatisfy(\.isHexDigit) {
      reader.report("sha256", "found \(sha256.count) characters, expected 64 hexadecimal digits")
    }
    guard let configuration else {
      if path == nil {
        reader.report(
          "path", "is missing; give a checkpoint, or the \"configuration\" of a new model")
      }
      if tokenizer != nil {
        reader.report(
          "tokenizer", "has no effect; it goes with \"configuration\", a checkpoint has its own")
      }
      return
    }
    if path != nil {
      reader.report(
        "configuration", "is given beside \"path\"; give one of the two and remove the other")
    }
    if adapter != nil {
      reader.report("adapter", "has no effect; it changes the weights of a checkpoint")
    }
    if sha256 != nil {
      reader.report("sha256", "has no effect; the weights of a \"configuration\" are new")
    }
    do {
      _ = try NewModel(configuration, location: "")
    } catch let error as ModelError {
      for problem in error.problems {
        let prefix = "configuration: "
        reader.report(
          "configuration",
          problem.hasPrefix(prefix) ? String(problem.dropFirst(prefix.count)) : problem)
      }
    } catch {
      reader.report("configuration", "\(error)")
    }
  }
}

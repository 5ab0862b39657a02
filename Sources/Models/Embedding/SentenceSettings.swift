import Checkpoints
import Documents
import Transformers

/// What sentence-transformers does to a text before the encoder reads it, as its files beside the
/// model say.
struct SentenceSettings {
  /// Tokens of a text at most, those around it included; nil where no file says so.
  private(set) var maximumLength: Int?
  private var lowersCase = false
  /// What is put before every text.
  private var prompt = ""

  /// - Throws: `ModelError` for settings that are not known here.
  init(_ model: LoadedModel) throws {
    let modules = model.source.sentenceModules
    let settings = modules.filter {
      $0.key.hasPrefix("sentence_") && $0.key.hasSuffix("_config.json")
    }.sorted { $0.key < $1.key }.first?.value
    maximumLength = settings?["max_seq_length"]?.intValue ?? Self.tokenizerLength(model.source)
    lowersCase = settings?["do_lower_case"]?.boolValue ?? false
    let file = "config_sentence_transformers.json"
    if let name = modules[file]?["default_prompt_name"]?.stringValue {
      guard let text = modules[file]?["prompts"]?[name]?.stringValue else {
        throw ModelError(
          location: model.location,
          problems: ["\(file): default_prompt_name is \"\(name)\", expected one of its prompts"])
      }
      prompt = text
    }
    let leavesPromptOut = modules.contains {
      $0.key.contains("Pooling") && $0.value["include_prompt"]?.boolValue == false
    }
    if !prompt.isEmpty, leavesPromptOut {
      throw ModelError(
        location: model.location,
        problems: [
          "the pooling leaves the prompt out (include_prompt), which is not supported; expected a "
            + "model without a default prompt, or one whose vectors include it"
        ])
    }
    if let maximumLength, maximumLength < 1 {
      throw ModelError(
        location: model.location,
        problems: ["max_seq_length is \(maximumLength), expected a number of tokens"])
    }
  }

  /// `model_max_length` of the tokenizer; some say a number beyond any length for none.
  private static func tokenizerLength(_ source: ModelSource) -> Int? {
    guard case .huggingFace(_, let configuration, _) = source.tokenizer,
      let length = configuration?["model_max_length"]?.doubleValue, length < 1e9
    else { return nil }
    return Int(length)
  }

  func text(of line: String) -> String {
    lowersCase ? (prompt + line).lowercased() : prompt + line
  }
}

import Documents
import TensorCore

/// What a configuration describes: a model's sizes, and how it is made of a checkpoint's tensors.
public struct Architecture {
  /// Sizes of the model.
  public let configuration: DecoderConfiguration
  /// Reads every tensor, those of each block as the family computes with them; the source collects
  /// what is wrong.
  let weights: (WeightSource) -> DecoderWeights

  init(
    _ configuration: DecoderConfiguration, weights: @escaping (WeightSource) -> DecoderWeights
  ) {
    self.configuration = configuration
    self.weights = weights
  }
}

/// A family of teachers, all of which is in one file: its blocks, how its `config.json` reads, and
/// what its tensors are called.
public protocol TeacherFamily: Sendable {
  /// `model_type` of the configurations it understands.
  static var modelType: String { get }
  /// One line for `linearize list`.
  static var summary: String { get }

  /// Reads a configuration; `reader` collects what is wrong.
  static func architecture(_ reader: ConfigurationReader) -> Architecture

  /// What the deviation of a new matrix's normal draws is multiplied by.
  static func initialScale(_ tensor: String, _ configuration: DecoderConfiguration) -> Double

  /// Tensors of the checkpoint that hold no weights (causal masks, rotary tables), or weights that
  /// are known to be of no use here (an encoder's pretraining heads).
  static func isIgnorable(_ name: String) -> Bool

  /// The embedding's table in its checkpoints; before its first dot is what all names but the head's
  /// begin with.
  static var embeddingName: String { get }

  /// Whether it reads names without that beginning itself.
  static var readsNamesWithoutPrefix: Bool { get }

  /// How llama.cpp's files hold it; nil where llama.cpp has no such architecture.
  static var gguf: GGUFLayout? { get }
}

extension TeacherFamily {
  public static func initialScale(
    _ tensor: String, _ configuration: DecoderConfiguration
  ) -> Double { 1 }

  public static var embeddingName: String { "model.embed_tokens.weight" }

  public static var readsNamesWithoutPrefix: Bool { false }

  public static var gguf: GGUFLayout? { nil }
}

/// The only place where families are registered.
public enum TeacherFamilies {
  /// Every family, by the `model_type` that it understands.
  public static let all: [any TeacherFamily.Type] = [
    Llama.self, Mistral.self, Qwen2.self, Qwen3.self, GPT2.self, GPTNeoX.self, BERT.self,
    Phi3.self, Gemma2.self, Gemma3.self, OLMo2.self, SmolLM3.self,
  ]

  /// Finds the family of a configuration and reads it.
  ///
  /// - Throws: `ModelError` for an unknown family and for everything wrong in the configuration.
  public static func read(_ document: JSONValue, location: String) throws -> (
    family: any TeacherFamily.Type, architecture: Architecture
  ) {
    let known = all.map { $0.modelType }.joined(separator: ", ")
    guard let type = document["model_type"]?.stringValue else {
      throw ModelError(
        location: location,
        problems: ["configuration: model_type is missing, expected one of \(known)"])
    }
    guard let family = all.first(where: { $0.modelType == type }) else {
      throw ModelError(
        location: location,
        problems: ["the model family \"\(type)\" is not known; known are \(known)"])
    }
    let reader = ConfigurationReader(document)
    let architecture = family.architecture(reader)
    if !reader.problems.isEmpty {
      throw ModelError(location: location, problems: reader.problems)
    }
    return (family, architecture)
  }
}

extension Decoder {
  /// Builds the teacher of a checkpoint.
  ///
  /// - Parameters:
  ///   - document: the checkpoint's `config.json`.
  ///   - tensors: by their Hugging Face names.
  /// - Throws: `ModelError` listing every missing, unexpected and mis-shaped tensor.
  public convenience init(
    configuration document: JSONValue, tensors: [String: StoredTensor], location: String
  ) throws {
    let (family, architecture) = try TeacherFamilies.read(document, location: location)
    let source = WeightSource(tensors)
    let weights = architecture.weights(source)
    source.finish(isIgnorable: family.isIgnorable)
    if !source.problems.isEmpty { throw ModelError(location: location, problems: source.problems) }
    var configuration = architecture.configuration
    if source.isHeadUntied { configuration.tiesHead = false }
    self.init(configuration: configuration, weights: weights)
  }
}

import Checkpoints
import TensorCore

/// What a file of a sequence's memory says of itself in its attributes.
struct MemoryHeader: Equatable, CustomStringConvertible {
  static let format = "linearize memory 1"
  static let layersGroup = "layers"

  /// `LoadedModel.contentDigest` of the model that has read the sequence.
  var model: String
  /// That model in a few words, and where it was.
  var kind, location: String
  var layers: Int
  /// Tokens read.
  var position: Int
  /// Tokens that the sequence was to have in the end, as far as was known.
  var context: Int
  /// Of the last tokens, those generated since the last prompt.
  var generated: Int

  /// `layers/07`: names sort as layers do.
  static func group(of layer: Int) -> String { "\(layersGroup)/\(layer < 10 ? "0" : "")\(layer)" }

  /// What the file's hash begins with.
  var description: String {
    "\(model) \(layers) layers, \(position) of \(context) tokens, \(generated) generated"
  }

  func write(to file: HDF5File) throws {
    try file.attributes.set("format", to: .string(Self.format))
    try file.attributes.set("program", to: .string("linearize \(EnvironmentReport.version)"))
    try file.attributes.set("model", to: .string(location))
    try file.attributes.set("model_kind", to: .string(kind))
    try file.attributes.set("model_sha256", to: .string(model))
    try file.attributes.set("layers", to: .integer(layers))
    try file.attributes.set("position", to: .integer(position))
    try file.attributes.set("context", to: .integer(context))
    try file.attributes.set("generated_tokens", to: .integer(generated))
  }

  /// - Throws: `HDF5Error`, and `InputError` for a file of another kind.
  static func read(_ file: HDF5File) throws -> MemoryHeader {
    let attributes = file.attributes
    guard case .string(let format)? = try attributes.value("format"), format == Self.format else {
      throw InputError(
        file.path, nil,
        "is no memory of a sequence; expected a file that generate --save-memory has written")
    }
    return MemoryHeader(
      model: try attributes.string("model_sha256"), kind: try attributes.string("model_kind"),
      location: try attributes.string("model"), layers: try attributes.integer("layers"),
      position: try attributes.integer("position"), context: try attributes.integer("context"),
      generated: try attributes.integer("generated_tokens"))
  }

  /// - Throws: `InputError` for a memory of another model.
  func require(_ loaded: LoadedModel, path: String) throws {
    let digest = try loaded.contentDigest()
    guard digest == model, layers == loaded.decoder.layers.count else {
      throw InputError(
        path, nil,
        "holds the memory of another model: \(location) (\(kind), SHA-256 \(model)), expected "
          + "\(loaded.location) (\(loaded.kind), SHA-256 \(digest)); name the model that has read it "
          + "with --model, or read the prompt again without --memory")
    }
  }

  /// - Throws: `InputError` where the contents cannot be of one sequence of the model.
  func require(tokens: [Int32], hidden: Tensor, of loaded: LoadedModel, path: String) throws {
    let configuration = loaded.decoder.configuration
    var problem: String?
    if !(1...max(1, tokens.count)).contains(position) || tokens.isEmpty {
      problem = "has read \(position) of \(tokens.count) tokens"
    } else if !(0...tokens.count).contains(generated) {
      problem = "has generated \(generated) of \(tokens.count) tokens"
    } else if let id = tokens.first(where: { $0 < 0 || $0 >= configuration.vocabularySize }) {
      problem = "holds the token \(id) of a vocabulary of \(configuration.vocabularySize)"
    } else if hidden.shape != [1, configuration.hiddenSize] {
      problem = "has a last hidden state of \(hidden.shape), not [1, \(configuration.hiddenSize)]"
    }
    if let problem { throw InputError(path, nil, "\(problem); read the prompt again") }
  }
}

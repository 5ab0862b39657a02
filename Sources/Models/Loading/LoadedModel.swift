import Checkpoints
import Corpus
import Documents
import Foundation
import TensorCore
import Transformers

/// A model ready to be run, with what belongs to it: a teacher from any checkpoint, or a student
/// from its artefact, an exported folder or the folder of its run.
public final class LoadedModel {
  /// As the user named it.
  public let location: String
  /// With the student's mixers and adapters when it is a student.
  public let decoder: Decoder
  /// nil when the checkpoint carries none that can be read; see `requireTokenizer`.
  public let tokenizer: Tokenizer?
  /// How the teacher spells conversations; nil without a chat template that can be read; see
  /// `requireChat`.
  public let chat: ChatFormat?
  /// Why there is no tokenizer, or no chat template, though the checkpoint carries one. Neither is
  /// needed for ids, so neither keeps a model from being opened.
  private let tokenizerError, chatError: (any Error)?
  /// How an encoder's hidden states become embeddings; of a decoder without meaning.
  public let pooling: EmbeddingPooling
  /// What a user should know of how the checkpoint was read, a sentence each.
  public var notes: [String] { source.notes.map { "\(location): \($0)" } }
  /// Where the frozen weights came from.
  public let source: ModelSource
  /// nil for a teacher.
  public let student: StudentArtefact?

  package init(
    location: String, decoder: Decoder, source: ModelSource, student: StudentArtefact?
  ) throws {
    self.location = location
    self.decoder = decoder
    self.source = source
    self.student = student
    (tokenizer, tokenizerError) = Self.result { try source.makeTokenizer() }
    (chat, chatError) = Self.result { [tokenizer] in try source.chatFormat(tokenizer) }
    pooling =
      decoder.configuration.isEncoder
      ? try EmbeddingPooling(sentenceModules: source.sentenceModules, location: source.location)
      : EmbeddingPooling()
  }

  /// - Parameters:
  ///   - path: a checkpoint file or folder, a student's `.h5`, or a run's folder.
  ///   - teacher: where a student's teacher lies now, if not where it did.
  ///   - adapter: the folder of a LoRA adapter that is merged into a checkpoint's weights.
  /// - Throws: `CheckpointError`, `HDF5Error`, `ModelError`, `TokenizerError`, `DocumentError`.
  public static func open(
    _ path: String, teacher: String? = nil, adapter: String? = nil
  ) throws -> LoadedModel {
    if let artefact = try artefactPath(path) {
      let student = try StudentArtefact.read(artefact)
      return try open(student, at: artefact, teacher: teacher ?? student.teacherPath)
    }
    var source = try ModelSource.openTeacher(
      try RunArtefacts(path)?.lastModel ?? path, adapter: adapter)
    source.adapterPath = adapter
    if let document = ExportedConfiguration.student(of: source.configuration) {
      return try openExported(source, document, location: path)
    }
    if let folder = RADLADSFolder(source, location: path) {
      return try openExported(
        source.respelled(configuration: folder.teacher, tensors: folder.tensors), folder.document,
        location: path)
    }
    let decoder = try Decoder(
      configuration: source.configuration, tensors: source.tensors, location: path)
    return try LoadedModel(location: path, decoder: decoder, source: source, student: nil)
  }

  /// A new model of random weights.
  ///
  /// - Parameters:
  ///   - document: its `config.json`.
  ///   - tokenizerFolder: with its `tokenizer.json`; nil for a model without.
  ///   - location: for messages.
  ///   - drawsWeights: false leaves the weights empty, for sizes alone.
  /// - Throws: as `open`, and `ModelError` for a tokenizer that does not fit.
  package static func new(
    _ document: JSONValue, tokenizerFolder: String?, location: String, seed: UInt64,
    drawsWeights: Bool = true
  ) throws -> LoadedModel {
    let new = try NewModel(document, location: location)
    let tensors = drawsWeights ? new.initialTensors(seed: seed) : [:]
    let source = try ModelSource(
      new: location, configuration: document, tensors: tensors, tokenizerFolder: tokenizerFolder)
    let decoder =
      drawsWeights
      ? try Decoder(configuration: document, tensors: tensors, location: location) : new.sketch
    let model = try LoadedModel(
      location: location, decoder: decoder, source: source, student: nil)
    let size = new.configuration.vocabularySize
    if let tokenizer = model.tokenizer, tokenizer.vocabularySize > size {
      throw ModelError(
        location: location,
        problems: [
          "vocab_size is \(size), but \(tokenizerFolder ?? "") has tokens up to "
            + "\(tokenizer.vocabularySize - 1); expected at least \(tokenizer.vocabularySize)"
        ])
    }
    return model
  }

  private static func result<Value>(_ make: () throws -> Value?) -> (Value?, (any Error)?) {
    do { return (try make(), nil) } catch { return (nil, error) }
  }

  /// - Throws: `ModelError` when the checkpoint carries no tokenizer, and why its tokenizer cannot be
  ///   read.
  public func requireTokenizer() throws -> Tokenizer {
    if let tokenizer { return tokenizer }
    if let tokenizerError { throw tokenizerError }
    throw ModelError(
      location: source.location,
      problems: ["no tokenizer: expected tokenizer.json beside the weights, or a GGUF's metadata"])
  }

  /// The chat template, if there is one.
  ///
  /// - Throws: why the checkpoint's template, or its tokenizer, cannot be read.
  public func readableChat() throws -> ChatFormat? {
    if let error = chatError ?? tokenizerError { throw error }
    return chat
  }

  /// - Parameter purpose: what needs a next token, as the subject of a sentence.
  /// - Throws: `ModelError` when the model is an encoder.
  public func requireDecoder(for purpose: String) throws {
    let configuration = decoder.configuration
    guard configuration.isEncoder else { return }
    throw ModelError(
      location: location,
      problems: [
        "is an encoder (\(configuration.family)), which predicts no next token; \(purpose) needs a "
          + "decoder"
      ])
  }

  static func open(_ student: StudentArtefact, at path: String, teacher: String) throws
    -> LoadedModel
  {
    let source: ModelSource
    do {
      source = try ModelSource.openTeacher(teacher, adapter: student.adapterPath)
    } catch {
      throw TeacherUnavailable(student: path, teacher: teacher, reason: "\(error)")
    }
    let digest = try source.contentDigest()
    if digest != student.teacherDigest {
      throw ModelError(
        location: path,
        problems: [
          "its teacher \(teacher) has weights of SHA-256 \(digest), expected \(student.teacherDigest); the student belongs to another teacher"
        ])
    }
    try student.requireFiles(of: source, at: path)
    let decoder = try Decoder(
      configuration: source.configuration, tensors: source.tensors, location: teacher)
    try student.install(on: decoder, location: path)
    return try LoadedModel(location: path, decoder: decoder, source: source, student: student)
  }

  /// An exported folder holds the teacher's tensors and the student's side by side.
  private static func openExported(
    _ exported: ModelSource, _ document: JSONValue, location: String
  ) throws -> LoadedModel {
    var source = exported
    source.configuration = ExportedConfiguration.teacher(of: exported.configuration)
    var frozen = source.tensors
    var trained: [(name: String, tensor: Tensor)] = []
    let (names, constants) = try StudentArtefact(document: document, tensors: [])
      .ownTensorNames(configuration: source.configuration, location: location)
    // They are drawn again, as they were.
    for name in constants { frozen[name] = nil }
    for name in source.tensors.keys.sorted() where names.contains(name) {
      trained.append((name, frozen.removeValue(forKey: name)!.widened()))
    }
    let student = try StudentArtefact(document: document, tensors: trained)
    let decoder = try Decoder(
      configuration: source.configuration, tensors: frozen, location: location)
    try student.install(on: decoder, location: location)
    return try LoadedModel(location: location, decoder: decoder, source: source, student: student)
  }

  /// The student that a path means: an artefact, or the last one of a run's folder.
  static func artefactPath(_ path: String) throws -> String? {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else { return nil }
    if isFolder.boolValue {
      return try RunArtefacts(path)?.lastStudent
    }
    guard path.hasSuffix(".h5") || path.hasSuffix(".hdf5") else { return nil }
    let file = try HDF5File.open(path)
    return try file.attributes.value("linearize") != nil ? path : nil
  }
}

/// A student whose teacher cannot be opened where it was.
public struct TeacherUnavailable: ExitCoded, CustomStringConvertible {
  /// The student, as the user named it.
  public let student: String
  /// The teacher's place, as the student says it.
  public let teacher: String
  /// Why it cannot be opened.
  public let reason: String

  public var exitCode: ExitCode { .missingInput }
  public var description: String {
    "\(student): its teacher \(teacher) cannot be opened: \(reason). Say where it is now with --teacher"
  }
}

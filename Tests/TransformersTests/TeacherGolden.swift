import Checkpoints
import Differentiation
import Documents
import Foundation
import Operations
import TensorCore
import Testing
import Transformers

/// A tiny teacher that scripts/goldens/families.py has written, and what transformers makes of it.
struct TeacherGolden: Sendable, CustomTestStringConvertible {
  let name: String
  let spelling: Spelling
  var testDescription: String { "\(name), \(spelling.rawValue)" }

  /// The versions of transformers write one configuration in two ways.
  enum Spelling: String, CaseIterable {
    case current = "config.json"
    case version4 = "config.transformers4.json"
  }

  init(_ name: String, _ spelling: Spelling = .current) {
    self.name = name
    self.spelling = spelling
  }

  /// All of the manifest, decoders with a next token and encoders without.
  private static let families: [(key: String, value: JSONValue)] = {
    do {
      let manifest = try JSONValue(
        parsing: try Data(contentsOf: folder.appendingPathComponent("manifest.json")))
      return manifest["families"]?.objectValue?.members.map { ($0.key, $0.value) } ?? []
    } catch { preconditionFailure("the goldens' manifest.json: \(error)") }
  }()

  static let names = families.filter { $0.value["logitsDeviation"] != nil }.map(\.key)

  /// Those whose tokens turn otherwise in the sequences of 24 tokens than in shorter ones: what is read
  /// of a sequence is not what the whole has there.
  static let lengthDependent = ["llama-dynamic-long", "llama-longrope"].map { TeacherGolden($0) }

  static let all = names.filter { name in !lengthDependent.contains { $0.name == name } }
    .map { TeacherGolden($0) }

  /// Families without a next token.
  static let encoders = families.filter { $0.value["logitsDeviation"] == nil }
    .map { TeacherGolden($0.key) }

  /// Spelled in two ways, where the versions differ.
  static let namesOfTwoSpellings = names.filter {
    FileManager.default.fileExists(
      atPath: folder.appendingPathComponent($0)
        .appendingPathComponent(Spelling.version4.rawValue).path)
  }

  /// Those that the script has written as llama.cpp's converter does, too.
  static let withGGUF = (all + lengthDependent).filter {
    FileManager.default.fileExists(atPath: $0.folder.appendingPathComponent("model.gguf").path)
  }

  func gguf() throws -> ModelSource {
    try ModelSource.open(folder.appendingPathComponent("model.gguf").path)
  }

  static let allSpellings =
    all + lengthDependent + namesOfTwoSpellings.map { TeacherGolden($0, .version4) }

  static var folder: URL { Bundle.module.bundleURL.appendingPathComponent("Goldens") }
  private var folder: URL { Self.folder.appendingPathComponent(name) }

  /// Opens the checkpoint as a user's folder is opened; the older spelling in a folder of its own.
  func source() throws -> ModelSource {
    if spelling == .current { return try ModelSource.open(folder.path) }
    let copy = FileManager.default.temporaryDirectory
      .appendingPathComponent("transformers-tests-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: copy, withIntermediateDirectories: false)
    // The open files keep their bytes when their names are gone.
    defer { #expect(throws: Never.self) { try FileManager.default.removeItem(at: copy) } }
    for file in try FileManager.default.contentsOfDirectory(atPath: folder.path)
    where file.hasPrefix("model") && !file.hasSuffix(".gguf") {
      try FileManager.default.copyItem(
        at: folder.appendingPathComponent(file), to: copy.appendingPathComponent(file))
    }
    try FileManager.default.copyItem(
      at: folder.appendingPathComponent(spelling.rawValue),
      to: copy.appendingPathComponent("config.json"))
    return try ModelSource.open(copy.path)
  }

  func teacher() throws -> Decoder {
    let source = try source()
    return try Decoder(
      configuration: source.configuration, tensors: source.tensors, location: source.location)
  }

  /// The two sequences of the golden, 24 tokens each.
  func tokens() throws -> [[Int32]] {
    let manifest = try JSONValue(
      parsing: try Data(contentsOf: Self.folder.appendingPathComponent("manifest.json")))
    let rows = try #require(manifest["families"]?[name]?["inputIDs"]?.arrayValue)
    return try rows.map { row in
      try #require(row.arrayValue).map { Int32(try #require($0.intValue)) }
    }
  }

  func expected() throws -> [String: Tensor] {
    let file = try SafetensorsFile(folder.appendingPathComponent("golden.safetensors").path)
    return try Dictionary(
      uniqueKeysWithValues: file.tensors.map { ($0.name, try file.stored($0).widened()) })
  }
}

extension Decoder {
  /// Logits of every token, `[tokens, vocabularySize]`.
  func logits(_ tokens: [Int32], layout: SequenceLayout? = nil) -> Tensor {
    logits(
      hiddenStates(
        tokens, layout: layout ?? SequenceLayout(length: tokens.count),
        on: Tape(isRecording: false)
      ).value)
  }
}

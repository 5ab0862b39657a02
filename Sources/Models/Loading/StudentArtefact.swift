import Checkpoints
import Documents
import Foundation
import Students
import TensorCore
import Transformers

/// A student as a file: what was trained, and everything that says on which teacher and how.
///
/// Tensors are named as the original LoLCATs code names them
/// (`model.layers.0.self_attn.feature_map_q.mlp.layer`, `…window_factors`,
/// `…q_proj.lora_A.weight`), so that it can load them; projections with merged adapters stand in
/// full under the teacher's names.
public struct StudentArtefact: Sendable {
  /// The file's attribute `format`.
  public static let format = "linearize student 1"

  /// The recipe's `student` object with every default spelled.
  public var student: JSONValue
  /// The seed of the run that made it.
  public var seed: UInt64
  /// Checkpoint of the teacher, and the SHA-256 of its weights.
  public var teacherPath: String
  /// SHA-256 of the teacher's weights.
  public var teacherDigest: String
  /// Folder of a LoRA adapter that is merged into the teacher's weights; nil for none.
  public var adapterPath: String?
  /// SHA-256 of the files beside the teacher's weights that decide what it computes, by name; none in
  /// students of earlier versions.
  public var teacherFiles = JSONObject()
  /// Low-rank updates beside the weights; nil where there are none.
  public var adapters: Adapters?
  /// Stage that wrote it, and the program's version.
  public var stage: String
  /// Version of the program that wrote it.
  public var program: String
  /// The resolved recipe.
  public var recipe: JSONValue
  /// What the student has beyond its teacher, by the original code's names.
  public var tensors: [(name: String, tensor: Tensor)]

  /// How low-rank updates are to be applied.
  public struct Adapters: Sendable, Equatable {
    /// Rank of the updates.
    public var rank: Int
    /// An update is `alpha / rank` times the product `B A`.
    public var alpha: Double
    /// Projections that have one.
    public var targets: [AttentionProjection]

    var document: JSONValue {
      [
        "rank": .integer(rank), "alpha": .number(alpha),
        "targets": .array(targets.map { .string($0.rawValue) }),
      ]
    }

    package init(rank: Int, alpha: Double, targets: [AttentionProjection]) {
      self.rank = rank
      self.alpha = alpha
      self.targets = targets
    }

    init(_ reader: DocumentReader) {
      rank = reader.integer("rank", in: 1...16_384, "Rank of the adapters.")
      alpha = reader.number("alpha", "Scale of the adapters times their rank.")
      targets = reader.strings(
        "targets", of: AttentionProjection.allCases.map(\.rawValue), "Adapted projections."
      ).compactMap(AttentionProjection.init)
    }
  }

  /// What everything but the tensors says: the HDF5 file's attribute, and the `linearize` member
  /// of an exported `config.json`.
  public var document: JSONValue {
    [
      "format": .string(Self.format), "program": .string(program), "stage": .string(stage),
      "seed": .integer(Int(seed)), "student": student,
      "teacher": teacherDocument,
      "adapters": adapters?.document ?? .null, "recipe": recipe,
    ]
  }

  private var teacherDocument: JSONValue {
    var teacher = JSONObject([
      ("path", .string(teacherPath)), ("sha256", .string(teacherDigest)),
    ])
    if let adapterPath { teacher["adapter"] = .string(adapterPath) }
    if teacherFiles.count > 0 { teacher["files"] = .object(teacherFiles) }
    return .object(teacher)
  }

  /// An artefact that has not been written.
  public init(
    student: JSONValue, seed: UInt64, teacherPath: String, teacherDigest: String,
    adapters: Adapters?, stage: String, program: String, recipe: JSONValue,
    tensors: [(name: String, tensor: Tensor)]
  ) {
    self.student = student
    self.seed = seed
    self.teacherPath = teacherPath
    self.teacherDigest = teacherDigest
    self.adapters = adapters
    self.stage = stage
    self.program = program
    self.recipe = recipe
    self.tensors = tensors
  }

  /// - Throws: `DocumentError` when the document is not of this format.
  public init(document: JSONValue, tensors: [(name: String, tensor: Tensor)]) throws {
    self = try DocumentReader.read(document, at: "$.linearize") { reader in
      let format = reader.string("format", "Format and its version.")
      if format != Self.format {
        reader.report("format", "found \"\(format)\", expected \"\(Self.format)\"")
      }
      let teacher = reader.object("teacher", "The teacher.") {
        (
          $0.string("path", "Checkpoint."), $0.string("sha256", "Hash of its weights."),
          $0.any("files", "Hashes of the files beside them."),
          $0.optionalString("adapter", "Folder of an adapter merged into them.")
        )
      }
      var artefact = StudentArtefact(
        student: reader.any("student", "The recipe's student.") ?? .null,
        seed: UInt64(reader.integer("seed", "The run's seed.")), teacherPath: teacher.0,
        teacherDigest: teacher.1,
        adapters: reader.optionalObject("adapters", "Adapters that are not merged.") {
          Adapters($0)
        }, stage: reader.string("stage", "Stage that wrote it."),
        program: reader.string("program", "Program that wrote it."),
        recipe: reader.any("recipe", "The resolved recipe.") ?? .null, tensors: tensors)
      artefact.teacherFiles = teacher.2?.objectValue ?? JSONObject()
      artefact.adapterPath = teacher.3
      return artefact
    }
  }

  // MARK: Files

  /// Published atomically: the file is whole or not there.
  public func write(to path: String) throws {
    try AtomicFile.publish(
      to: path,
      write: { path in
        let file = try HDF5File.create(path)
        try file.attributes.set("format", to: .string(Self.format))
        try file.attributes.set("linearize", to: .string(document.compact))
        for (name, tensor) in tensors {
          try file.write(name, tensor)
          try file.dataset(name).attributes.set(
            "dimensions", to: .string(Self.dimensions(of: name)))
        }
        try file.close()
      },
      verify: { path in
        let file = try HDF5File.open(path, isTrusted: true)
        for (name, tensor) in tensors {
          guard try file.holds(tensor, at: name) else {
            throw CheckpointError(
              path, name, found: "other values than were written", expected: "the same",
              remedy: "the disk may be at fault, write to another")
          }
        }
      })
  }

  /// What the axes of a tensor are, for whoever opens the file with other tools.
  private static func dimensions(of name: String) -> String {
    switch name {
    case _ where name.hasSuffix(".mlp.layer"): "query head, head dimension, projected dimension"
    case _ where name.hasSuffix(".mlp.bias"): "1, query head, 1, 1 or projected dimension"
    case _ where name.hasSuffix(".window_factors"): "1, query head, 1, 1"
    case _ where name.hasSuffix("time_maa_w2"): "mix, rank, input"
    case _ where name.hasSuffix("lora_A.weight"): "rank, input"
    case _ where name.hasSuffix("lora_B.weight"): "output, rank"
    case _ where name.hasSuffix("_proj.weight") || name.hasSuffix("gate.weight"): "output, input"
    default: "as the mixer defines it"
    }
  }

  /// - Throws: `HDF5Error`, `JSONError`, `DocumentError`.
  public static func read(_ path: String) throws -> StudentArtefact {
    let file = try HDF5File.open(path)
    let text = try file.attributes.string("linearize")
    return try StudentArtefact(
      document: try JSONValue(parsing: text),
      tensors: try file.names.map { ($0, try file.tensor($0)) })
  }
}

extension StudentArtefact {
  /// Names of what the student's mixers and adapters train and of what mixers drew, which no
  /// checkpoint of its teacher has: asked of the mixers themselves, on a model without weights.
  ///
  /// - Parameter configuration: of the teacher, as its `config.json` has it.
  /// - Throws: as `install`.
  func ownTensorNames(configuration: JSONValue, location: String) throws -> (
    trained: Set<String>, constant: [String]
  ) {
    let sketch = try NewModel(configuration, location: location).sketch
    try makeMixers(on: sketch, location: location)
    return (Set(sketch.parameters.map(\.name)), sketch.constants.map(\.name))
  }

  func makeMixers(on decoder: Decoder, location: String) throws {
    let specification = try DocumentReader.read(student, at: "$.linearize.student") {
      StudentSpecification($0)
    }
    try decoder.install(specification, seed: seed, location: location)
    guard let adapters else { return }
    decoder.addAdapters(
      adapters.targets, rank: adapters.rank, alpha: Float(adapters.alpha), dropout: 0, seed: seed)
  }

  /// Installs the student on a decoder of its teacher.
  ///
  /// - Throws: `DocumentError`, `ModelError` listing every missing, unexpected and mis-shaped tensor.
  public func install(on decoder: Decoder, location: String) throws {
    try makeMixers(on: decoder, location: location)
    var remaining = Dictionary(uniqueKeysWithValues: tensors.map { ($0.name, $0.tensor) })
    var problems: [String] = []
    let weights = Set(decoder.weightShapes.map(\.name))
    for (name, parameter) in decoder.parameters where !weights.contains(name) {
      guard let tensor = remaining.removeValue(forKey: name) else {
        problems.append("\(name) is missing, expected \(parameter.value.shape)")
        continue
      }
      if tensor.shape == parameter.value.shape {
        parameter.value = tensor
      } else {
        problems.append("\(name) has shape \(tensor.shape), expected \(parameter.value.shape)")
      }
    }
    let head = decoder.isHeadTied ? decoder.weights.head : nil
    let shapes = decoder.weightShapes + (head.map { [(Decoder.headName, $0.shape)] } ?? [])
    for (name, expected) in shapes {
      guard let tensor = remaining.removeValue(forKey: name) else { continue }
      if tensor.shape.dimensions == expected {
        decoder.replaceWeight(name, with: tensor)
      } else {
        problems.append("\(name) has shape \(tensor.shape), expected \(expected)")
      }
    }
    problems += remaining.keys.sorted().map { "\($0) belongs to no part of this student" }
    if !problems.isEmpty { throw ModelError(location: location, problems: problems) }
  }

  /// The tensors of a trained decoder: mixers and adapters in layer order, then own weights.
  public static func tensors(of decoder: Decoder) -> [(name: String, tensor: Tensor)] {
    decoder.parameters.map { ($0.name, $0.parameter.value) }
  }
}

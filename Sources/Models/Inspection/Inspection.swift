import Checkpoints
import Documents
import Foundation
import Transformers

/// What is in a checkpoint, by its headers alone: any format, also models that cannot be run here.
public struct Inspection: Sendable {
  /// One tensor of the checkpoint.
  public struct Tensor: Sendable, Equatable {
    /// As the file spells it.
    public let name: String
    /// As the format spells it: `BF16`, `Q4_K`.
    public let type: String
    /// Row-major, outermost first.
    public let shape: [Int]
    /// Bytes in the file.
    public let bytes: Int
    /// File's name in the checkpoint's folder.
    public let file: String

    var count: Int { shape.reduce(1, *) }
  }

  /// As the user named it.
  public let path: String
  /// "safetensors", "GGUF", "HDF5".
  public let format: String
  /// The files that hold tensors, and their sizes.
  public let files: [(name: String, bytes: Int)]
  /// Every tensor, in the order of the files.
  public let tensors: [Tensor]
  /// The file's own: GGUF keys, `__metadata__`, attributes.
  public let metadata: JSONObject
  /// `config.json`; of a student, what its artefact says of itself.
  public let configuration: JSONValue?

  /// - Throws: `CheckpointError`, `HDF5Error`, `DocumentFile.Failure`, `DocumentFile.Malformed`.
  public init(_ path: String) throws {
    self.path = path
    switch try Self.kind(of: path) {
    case .folder(let weights, let configuration):
      let contents = try weights.map(SafetensorsFile.init)
      format = "safetensors"
      files = contents.map { (Self.name($0.path), $0.mapping.bytes.count) }
      tensors = contents.flatMap { file in file.tensors.map(Self.tensor) }
      metadata = contents.first?.metadata.objectValue ?? JSONObject()
      self.configuration = try configuration.map { try DocumentFile($0).read() }
    case .gguf(let path):
      let file = try GGUFFile(path)
      format = "GGUF"
      files = [(Self.name(path), file.mapping.bytes.count)]
      tensors = file.tensors.map(Self.tensor)
      metadata = file.metadata.objectValue ?? JSONObject()
      configuration = Self.configuration(ofGGUF: path)
    case .hdf5(let path):
      let file = try HDF5File.open(path)
      format = "HDF5"
      files = [(Self.name(path), try Self.size(of: path))]
      tensors = try Self.tensors(of: file)
      let attributes = try Self.attributes(file.attributes)
      metadata = attributes
      configuration = try attributes["linearize"]?.stringValue.map { try JSONValue(parsing: $0) }
    }
  }

  /// Bytes of all files.
  public var bytes: Int { files.reduce(0) { $0 + $1.bytes } }

  // MARK: What a path means

  private enum Kind {
    case folder(weights: [String], configuration: String?)
    case gguf(String)
    case hdf5(String)
  }

  private static func kind(of path: String) throws -> Kind {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
      throw DocumentFile.Failure(path: path, operation: "open it", errorNumber: ENOENT)
    }
    if !isFolder.boolValue {
      switch try magic(of: path) {
      case "GGUF": return .gguf(path)
      case "\u{89}HDF": return .hdf5(path)
      default:
        let configuration = "\(FilePath.folder(of: path))/config.json"
        return .folder(
          weights: [path],
          configuration: FileManager.default.fileExists(atPath: configuration)
            ? configuration : nil)
      }
    }
    let names = try FileManager.default.contentsOfDirectory(atPath: path).sorted()
    let weights = names.filter { $0.hasSuffix(".safetensors") }
    if !weights.isEmpty {
      return .folder(
        weights: weights.map { "\(path)/\($0)" },
        configuration: names.contains("config.json") ? "\(path)/config.json" : nil)
    }
    let ggufs = names.filter { $0.hasSuffix(".gguf") }
    if ggufs.count == 1 { return .gguf("\(path)/\(ggufs[0])") }
    if let artefact = try LoadedModel.artefactPath(path) { return .hdf5(artefact) }
    throw InputError(
      path, nil,
      "is a folder without safetensors files, and no run's; expected a checkpoint: a folder with "
        + "config.json and safetensors, a run's folder, or a .gguf, .safetensors or .h5 file")
  }

  /// The first four bytes, each as a character.
  private static func magic(of path: String) throws -> String {
    let descriptor = try InputFile.open(path)
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 4)
    let count = try InputFile.read(descriptor, path, into: &bytes)
    return String(String.UnicodeScalarView(bytes[..<count].map { Unicode.Scalar($0) }))
  }

  // MARK: Contents

  /// `nil` for an architecture that is not known here: its metadata still tell what it is.
  private static func configuration(ofGGUF path: String) -> JSONValue? {
    do {
      return try ModelSource.openTeacher(path).configuration
    } catch {
      return nil
    }
  }

  private static func name(_ path: String) -> String { FilePath.name(of: path) }

  private static func size(of path: String) throws -> Int {
    let attributes = try FileManager.default.attributesOfItem(atPath: path)
    return (attributes[.size] as? NSNumber)?.intValue ?? 0
  }

  private static func tensor(_ description: TensorDescription) -> Tensor {
    Tensor(
      name: description.name, type: description.type, shape: description.shape,
      bytes: description.bytes.count, file: name(description.file))
  }

  private static func tensors(of file: HDF5File) throws -> [Tensor] {
    try file.names.map { name in
      let dataset = try file.dataset(name)
      return Tensor(
        name: name, type: dataset.type.rawValue, shape: dataset.shape,
        bytes: dataset.count * dataset.type.bytes, file: Self.name(file.path))
    }
  }

  private static func attributes(_ attributes: HDF5Attributes) throws -> JSONObject {
    var object = JSONObject()
    for name in try attributes.names {
      object[name] =
        switch try attributes.value(name) {
        case .string(let text): .string(text)
        case .integer(let value): .integer(value)
        case .number(let value): .number(value)
        case .integers(let values): .array(values.map { .integer($0) })
        case nil: .null
        }
    }
    return object
  }
}

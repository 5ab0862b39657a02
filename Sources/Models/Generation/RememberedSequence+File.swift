import Checkpoints
import Documents
import Foundation
import Operations
import TensorCore
import Transformers

/// The file of a sequence and a model's memory of it:
///
///     tokens              [tokens]          int32, the sequence as far as it has come
///     last_hidden         [1, hiddenSize]   float32, after the final norm, of the last token read
///     layers/00/NAME      float32, one dataset a tensor that the layer's mixer remembers under
///                         NAME; rows of tokens as [count, width]
///
/// Its attributes say which model has read how much of the sequence; a file of another model is
/// refused. It is published whole or not at all.
extension RememberedSequence {
  private static let tokensName = "tokens"
  private static let hiddenName = "last_hidden"
  private static let hashName = "content_sha256"

  /// Looks whether a file may be written there, before the work that it is to hold.
  ///
  /// - Throws: `UnwritableMemory` where there is no such folder, or a file of another kind.
  public static func requireWritable(_ path: String) throws {
    let folder = FilePath.folder(of: path)
    guard FilePath.isFolder(folder) else {
      throw UnwritableMemory(
        path: path, reason: "\(folder) is no folder; make it, or name another file")
    }
    if FilePath.isFolder(path) {
      throw UnwritableMemory(path: path, reason: "it is a folder; name a file")
    }
    guard FileManager.default.fileExists(atPath: path) else { return }
    do {
      _ = try MemoryHeader.read(try HDF5File.open(path))
    } catch {
      throw UnwritableMemory(
        path: path,
        reason: "it is there and holds no memory, and is not replaced; name another file (\(error))"
      )
    }
  }

  /// - Parameter model: that has read the sequence.
  /// - Throws: `HDF5Error`, `PublicationError`, `UnwritableMemory`.
  public func write(to path: String, of model: LoadedModel) throws {
    precondition(model.decoder === session.decoder, "the sequence was read by another model")
    precondition(position > 0, "nothing was read")
    try Self.requireWritable(path)
    let header = MemoryHeader(
      model: try model.contentDigest(), kind: model.kind, location: model.location,
      layers: model.decoder.layers.count, position: position, context: session.context,
      generated: generated)
    try AtomicFile.publish(
      to: path,
      write: { temporary in
        let file = try HDF5File.create(temporary)
        try write(header, to: file)
        try file.close()
      },
      verify: { temporary in
        let file = try HDF5File.open(temporary, isTrusted: true)
        _ = try Self.contents(of: file, try MemoryHeader.read(file)) { _, _ in }
      })
  }

  private func write(_ header: MemoryHeader, to file: HDF5File) throws {
    var hash = ContentHash()
    try header.write(to: file)
    hash.add("header", header.description)
    try file.write(Self.tokensName, tokens)
    hash.add(Self.tokensName, tokens)
    try file.write(Self.hiddenName, session.lastHidden!)
    hash.add(Self.hiddenName, session.lastHidden!)
    for layer in 0..<header.layers {
      for (name, tensor) in session.tensors(ofLayer: layer) {
        let path = "\(MemoryHeader.group(of: layer))/\(name)"
        try file.write(path, tensor)
        hash.add(path, tensor)
      }
    }
    try file.attributes.set(Self.hashName, to: .string(hash.hexadecimal))
  }

  /// The sequence of a file, for the model that has read it.
  ///
  /// - Throws: `HDF5Error` (66 for a missing file, 65 for a damaged one), and `InputError` for a file
  ///   of another kind or another model.
  public static func read(_ path: String, of model: LoadedModel) throws -> RememberedSequence {
    let file = try HDF5File.open(path)
    let header = try MemoryHeader.read(file)
    try header.require(model, path: path)
    var layers = [[(name: String, tensor: Tensor)]](repeating: [], count: header.layers)
    let (tokens, hidden) = try contents(of: file, header) { layers[$0].append($1) }
    try header.require(tokens: tokens, hidden: hidden, of: model, path: path)
    var current = 0
    do {
      let session = try DecodingSession(
        model.decoder, context: header.context, position: header.position, lastHidden: hidden
      ) { layer in
        current = layer
        defer { layers[layer] = [] }
        return layers[layer]
      }
      return RememberedSequence(session, tokens: tokens, generated: header.generated)
    } catch let error as MemoryError {
      throw InputError(path, MemoryHeader.group(of: current), "holds \(error)")
    }
  }

  /// Reads everything, and holds it against the file's hash of what was written.
  ///
  /// - Parameter visit: given every tensor of a layer, in the order in which they were written.
  private static func contents(
    of file: HDF5File, _ header: MemoryHeader,
    visit: (_ layer: Int, _ entry: (name: String, tensor: Tensor)) -> Void
  ) throws -> (tokens: [Int32], hidden: Tensor) {
    var hash = ContentHash()
    hash.add("header", header.description)
    let tokens = try file.int32s(tokensName)
    hash.add(tokensName, tokens)
    let hidden = try file.tensor(hiddenName)
    hash.add(hiddenName, hidden)
    let others = try file.names.filter { $0 != tokensName && $0 != hiddenName }
    for path in others {
      let parts = path.split(separator: "/", maxSplits: 2).map(String.init)
      guard parts.count == 3, parts[0] == MemoryHeader.layersGroup, let layer = Int(parts[1]),
        (0..<header.layers).contains(layer)
      else {
        throw InputError(
          file.path, path,
          "belongs to no layer; expected \(MemoryHeader.group(of: 0))/NAME and so on")
      }
      let tensor = try file.tensor(path)
      hash.add("\(MemoryHeader.group(of: layer))/\(parts[2])", tensor)
      visit(layer, (parts[2], tensor))
    }
    let expected = try file.attributes.string(hashName)
    guard hash.hexadecimal == expected else {
      throw InputError(
        file.path, nil,
        "holds other numbers (SHA-256 \(hash.hexadecimal)) than were written (\(expected)); read the "
          + "prompt again")
    }
    return (tokens, hidden)
  }
}

/// Why no memory can be written to a file.
public struct UnwritableMemory: ExitCoded, Equatable, CustomStringConvertible {
  /// The file, as the user named it.
  public let path: String
  /// What is in the way, and what to do.
  public let reason: String

  public var exitCode: ExitCode { .inputOutput }
  public var description: String { "\(path): the memory cannot be written: \(reason)" }
}

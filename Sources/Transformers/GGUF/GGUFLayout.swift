import Documents
import TensorCore

/// How llama.cpp's files hold the models of a family: what its converter does to a Hugging Face
/// model, undone.
public struct GGUFLayout: Sendable {
  /// `general.architecture`; families may share one.
  let architecture: String
  let names: GGUFNames
  /// Writes a `config.json` in the family's spelling.
  let configuration: @Sendable (_ metadata: GGUFMetadata) -> JSONObject
  /// Which of the families that share an architecture a file is of.
  let isMatch: @Sendable (_ metadata: GGUFMetadata) -> Bool
  /// What its code in llama.cpp takes for granted, for writing such files.
  let rules: GGUFArchitecture
  /// A tensor as Hugging Face has it, given what GGUF calls it in its block: `attn_q`. nil where its
  /// shape forbids that.
  let restored:
    @Sendable (_ part: String, _ tensor: StoredTensor, _ metadata: GGUFMetadata) -> StoredTensor?

  init(
    _ architecture: String, names: GGUFNames, rules: GGUFArchitecture = GGUFArchitecture(),
    configuration: @escaping @Sendable (GGUFMetadata) -> JSONObject,
    isMatch: @escaping @Sendable (GGUFMetadata) -> Bool = { _ in true },
    restored: @escaping @Sendable (String, StoredTensor, GGUFMetadata) -> StoredTensor? = {
      _, tensor, _ in
      tensor
    }
  ) {
    self.architecture = architecture
    self.names = names
    self.rules = rules
    self.configuration = configuration
    self.isMatch = isMatch
    self.restored = restored
  }

  /// - Throws: `ModelError` listing everything that does not fit.
  func translated(_ metadata: GGUFMetadata, location: String) throws -> (
    configuration: JSONValue, tensors: [String: StoredTensor]
  ) {
    metadata.refuseExperts()
    var document = configuration(metadata)
    metadata.describeVocabulary(in: &document)
    var tensors: [String: StoredTensor] = [:]
    for (name, tensor) in metadata.tensors.sorted(by: { $0.key < $1.key })
    where !GGUFNames.isIgnorable(name) {
      guard let spelled = names.huggingFace(name) else {
        metadata.report(
          "tensor \(name)", found: "\(tensor.shape) of \(tensor.elementType.rawValue)",
          expected: "a tensor of the \(architecture) architecture")
        continue
      }
      guard let restored = restored(GGUFNames.part(of: name), tensor, metadata) else {
        metadata.report(
          "tensor \(name)", found: "the shape \(tensor.shape)",
          expected: "rows that divide evenly among \(metadata.heads) heads")
        continue
      }
      tensors[spelled] = restored
    }
    if !metadata.problems.isEmpty {
      throw ModelError(location: location, problems: metadata.problems)
    }
    return (.object(document), tensors)
  }
}

extension TeacherFamilies {
  /// A GGUF file as a Hugging Face model: its metadata as a configuration, its tensors under their
  /// original names with their rows in the original order.
  ///
  /// - Parameters:
  ///   - metadata: the file's, by its keys.
  ///   - tensors: by the file's names.
  /// - Throws: `ModelError` for an unknown architecture and for everything that does not fit.
  public static func translated(
    gguf metadata: JSONValue, tensors: [String: StoredTensor], location: String
  ) throws -> (configuration: JSONValue, tensors: [String: StoredTensor]) {
    let key = "general.architecture"
    guard let name = metadata[key]?.stringValue else {
      throw ModelError(
        location: location,
        problems: [
          "\(key): found \(metadata[key]?.kindDescription ?? "nothing"), expected the name of an architecture"
        ])
    }
    let layouts = all.compactMap { $0.gguf }
    let ofName = layouts.filter { $0.architecture == name }
    let reader = GGUFMetadata(metadata, tensors: tensors, architecture: name)
    guard let layout = ofName.first(where: { $0.isMatch(reader) }) else {
      var known: [String] = []
      for layout in layouts where !known.contains(layout.architecture) {
        known.append(layout.architecture)
      }
      throw ModelError(
        location: location,
        problems: [
          "\(key): found \"\(name)\", expected one of \(known.joined(separator: ", ")); this "
            + "architecture is not supported"
        ])
    }
    return try layout.translated(reader, location: location)
  }
}

/// Orders of rows that llama.cpp's converter changes.
enum GGUFRows {
  /// The tensor with these of its rows (elements of a vector); nil stays nil.
  static func ordered(_ tensor: StoredTensor, _ order: [Int32]?) -> StoredTensor? {
    guard let order, tensor.shape.count <= 2 else { return nil }
    if tensor.shape.count == 2 { return tensor.selectingRows(order) }
    // Biases are small, so they are copied.
    let column = StoredTensor(tensor.widened().reshaped([tensor.count, 1]))
    return StoredTensor(
      column.selectingRows(order).widened().reshaped(Shape(tensor.shape)))
  }

  /// The row of Hugging Face's tensor that each stored row of queries or keys is.
  static func permutation(rows: Int, heads: Int) -> [Int32] {
    let headDim = rows / heads
    return (0..<rows).map { row in
      let (head, place) = (row / headDim, row % headDim)
      return Int32(head * headDim + place % 2 * (headDim / 2) + place / 2)
    }
  }

  /// Stored rows of queries or keys for the llama architecture. llama.cpp rotates neighbours,
  /// Hugging Face the two halves of a head: row `half * d + i` of a head is stored as its row
  /// `2 * i + half`.
  static func unpermuted(_ tensor: StoredTensor, heads: Int) -> StoredTensor? {
    let rows = tensor.shape[0]
    guard heads > 0, rows % (2 * heads) == 0, rows <= Int32.max else { return nil }
    let headDim = rows / heads
    return ordered(
      tensor,
      (0..<rows).map { row in
        let (head, place) = (row / headDim, row % headDim)
        return Int32(head * headDim + 2 * (place % (headDim / 2)) + place / (headDim / 2))
      })
  }
}

import TensorCore

/// Hands out a checkpoint's tensors by name and remembers what was missing, of the wrong shape, or
/// never asked for.
public final class WeightSource {
  private let tensors: [String: StoredTensor]
  /// For a model without a checkpoint: told of every tensor that one would need.
  private let record: ((_ name: String, _ shape: [Int]) -> Void)?
  private var used: Set<String> = []
  private(set) var problems: [String] = []
  /// The checkpoint says that head and embedding are one, and holds two matrices.
  private(set) var isHeadUntied = false
  /// What the weights of norms are where a norm changes nothing but the scale: 1, less what is
  /// added to them.
  var neutralNorms: [String: Float] = [:]

  init(_ tensors: [String: StoredTensor]) {
    self.tensors = tensors
    record = nil
  }

  init(recording record: @escaping (_ name: String, _ shape: [Int]) -> Void) {
    tensors = [:]
    self.record = record
  }

  /// A weight of exactly this shape, in its stored type.
  func stored(_ name: String, _ shape: [Int]) -> Weight {
    Weight(stored: tensor(name, shape), in: name)
  }

  func optionalStored(_ name: String, _ shape: [Int]) -> Weight? {
    tensors[name] == nil ? nil : stored(name, shape)
  }

  /// A small weight, widened.
  func dense(_ name: String, _ shape: [Int]) -> Weight {
    Weight(dense: tensor(name, shape).widened(), in: name)
  }

  func optionalDense(_ name: String, _ shape: [Int]) -> Weight? {
    tensors[name] == nil ? nil : dense(name, shape)
  }

  /// The head, or the embedding under its name when tied. A tied checkpoint may still carry a copy
  /// of the head, which is then not used; one that carries another matrix is not tied, whatever its
  /// configuration says, as in transformers 5.
  func head(_ name: String, embedding: Weight, _ configuration: DecoderConfiguration) -> Weight {
    let shape = [configuration.vocabularySize, configuration.hiddenSize]
    guard configuration.tiesHead else { return stored(name, shape) }
    if let own = optionalStored(name, shape), own.shape == shape, embedding.shape == shape,
      !own.stored.holdsSameValues(as: embedding.stored)
    {
      isHeadUntied = true
      return own
    }
    return Weight(stored: embedding.stored, in: name)
  }

  private func tensor(_ name: String, _ shape: [Int]) -> StoredTensor {
    used.insert(name)
    if let record {
      record(name, shape)
      return placeholder(shape)
    }
    guard let tensor = tensors[name] else {
      problems.append("\(name) is missing, expected a tensor of \(shape)")
      return placeholder(shape)
    }
    guard tensor.shape == shape else {
      problems.append("\(name) has shape \(tensor.shape), expected \(shape)")
      return placeholder(shape)
    }
    return tensor
  }

  func has(_ name: String) -> Bool { tensors[name] != nil }

  func hasAny(prefix: String) -> Bool { tensors.keys.contains { $0.hasPrefix(prefix) } }

  /// Reports tensors that nobody asked for, but for those that hold no weights.
  ///
  /// - Parameter isIgnorable: masks and tables that some versions of a family save.
  func finish(isIgnorable: (String) -> Bool) {
    if let cause = cause(isIgnorable) {
      problems = [cause]
      return
    }
    for name in tensors.keys.sorted() where !used.contains(name) && !isIgnorable(name) {
      problems.append(
        "\(name) of \(tensors[name]!.shape) is not a tensor of this family; it would be silently unused"
      )
    }
  }

  /// What is wrong with all tensors at once, where it is one thing.
  private func cause(_ isIgnorable: (String) -> Bool) -> String? {
    let others = tensors.keys.sorted().filter { !used.contains($0) && !isIgnorable($0) }
    if let adapter = others.first(where: { $0.contains(".lora_A.") || $0.contains(".lora_B.") }) {
      return "\(adapter) is part of a LoRA adapter, expected weights with the adapter merged into "
        + "them (merge_and_unload of PEFT)"
    }
    let missing = used.filter { tensors[$0] == nil }.sorted()
    guard record == nil, missing.count > 3, missing.count == used.count, let found = others.first,
      let wanted = missing.first
    else { return nil }
    // The longest part that all have in front, up to a dot.
    let common = others.dropFirst().reduce(found) { first, other in
      String(zip(first, other).prefix { $0 == $1 }.map(\.0))
    }
    let prefix = common.lastIndex(of: ".").map { String(common[...$0]) } ?? ""
    return prefix.isEmpty
      ? "none of the \(used.count) tensors of this family is there: found names such as \(found), "
        + "expected such as \(wanted)"
      : "every name begins with \"\(prefix)\": found \(found), expected names such as \(wanted)"
  }

  /// Loading goes on, so that one message lists every problem; a checkpoint with problems is never
  /// used. Empty shapes keep a hostile configuration from asking for memory.
  private func placeholder(_ shape: [Int]) -> StoredTensor {
    StoredTensor(Tensor(zeros: Shape(shape.map { _ in 0 })))
  }
}

import TensorCore

/// Spellings of tensor names that widely used checkpoints have, made those of their family.
///
/// Programs that wrap a model save what wraps it: `_orig_mod.` (torch.compile), `module.` (data
/// parallel training), `base_model.model.` (PEFT). A base model saves itself without its own prefix.
/// The oldest checkpoints call weight and bias of a layer norm `gamma` and `beta`.
struct CheckpointNames {
  /// `model.`, before the names of all but the head.
  private let prefix: String
  /// What is behind it in the name of the embedding's table.
  private let embedding: String
  /// Whether the family itself reads names without the prefix.
  private let readsBoth: Bool

  init(_ family: any TeacherFamily.Type) {
    let table = family.embeddingName
    let end = table.firstIndex(of: ".").map { table.index(after: $0) } ?? table.startIndex
    prefix = String(table[..<end])
    embedding = String(table[end...])
    readsBoth = family.readsNamesWithoutPrefix
  }

  /// The tensors under the family's names.
  ///
  /// - Throws: `ModelError` when two of them are then called alike.
  func canonical(
    _ tensors: [String: StoredTensor], location: String
  ) throws -> [String: StoredTensor] {
    let names = tensors.keys.sorted()
    let plain = names.map { name in
      let unwrapped = name.split(separator: ".", omittingEmptySubsequences: false)
        .filter { $0 != "_orig_mod" }.joined(separator: ".")
      return Self.renamingNorms(unwrapped)
    }
    let wrapper = wrapper(of: plain)
    var canonical: [String: StoredTensor] = [:]
    var problems: [String] = []
    for (name, plain) in zip(names, plain) {
      let spelled = spelled(plain, wrapper: wrapper)
      if canonical.updateValue(tensors[name]!, forKey: spelled) != nil {
        problems.append("\(name) and another tensor are both read as \(spelled), expected one")
      }
    }
    if !problems.isEmpty { throw ModelError(location: location, problems: problems) }
    return canonical
  }

  private static func renamingNorms(_ name: String) -> String {
    for (old, new) in [(".gamma", ".weight"), (".beta", ".bias")] where name.hasSuffix(old) {
      return String(name.dropLast(old.count)) + new
    }
    return name
  }

  /// What stands before the family's names in all of these, and whether their prefix is missing.
  private func wrapper(of names: [String]) -> (text: String, lacksPrefix: Bool) {
    let table = names.first { $0 == embedding || $0.hasSuffix(".\(embedding)") }
    guard let before = table.map({ String($0.dropLast(embedding.count)) }) else {
      return ("", false)
    }
    let hasPrefix = before == prefix || before.hasSuffix(".\(prefix)")
    let text = hasPrefix ? String(before.dropLast(prefix.count)) : before
    // A part of a larger model (the text part of one that sees) is not the model.
    guard names.allSatisfy({ $0.hasPrefix(text) }) else { return ("", false) }
    return (text, !hasPrefix && !readsBoth)
  }

  private func spelled(_ name: String, wrapper: (text: String, lacksPrefix: Bool)) -> String {
    let inner = String(name.dropFirst(wrapper.text.count))
    let isHead = ["lm_head.", "embed_out."].contains { inner.hasPrefix($0) }
    return wrapper.lacksPrefix && !isHead ? prefix + inner : inner
  }
}

extension TeacherFamilies {
  /// A checkpoint's tensors under the names that its family has for them.
  ///
  /// - Parameter modelType: of the checkpoint's configuration. Tensors of an unknown one stay as they
  ///   are.
  /// - Throws: `ModelError` when two tensors are then called alike.
  public static func canonical(
    _ tensors: [String: StoredTensor], modelType: String?, location: String
  ) throws -> [String: StoredTensor] {
    guard let family = all.first(where: { $0.modelType == modelType }) else { return tensors }
    return try CheckpointNames(family).canonical(tensors, location: location)
  }
}

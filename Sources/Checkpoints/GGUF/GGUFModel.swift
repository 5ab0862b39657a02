import Documents
import TensorCore

/// A GGUF file as a Hugging Face model: its metadata as a configuration, its tensors under their
/// original names with their rows in the original order.
///
/// What llama.cpp's converter does is undone here: the permuted query and key rows of the llama
/// architecture, and the fused projections of GPT-NeoX. GPT-2's matrices stay transposed, which
/// the configuration says.
struct GGUFModel {
  let file: GGUFFile
  let configuration: JSONValue
  let tensors: [String: StoredTensor]

  /// - Throws: `CheckpointError` listing everything that does not fit.
  init(_ path: String) throws(CheckpointError) { try self.init(GGUFFile(path)) }

  init(_ file: GGUFFile) throws(CheckpointError) {
    self.file = file
    guard let name = file.metadata["general.architecture"]?.stringValue else {
      throw CheckpointError(
        file.path, "general.architecture",
        found: file.metadata["general.architecture"]?.kindDescription ?? "nothing",
        expected: "the name of an architecture")
    }
    guard let architecture = GGUFArchitecture(rawValue: name) else {
      let known = GGUFArchitecture.allCases.map(\.rawValue).joined(separator: ", ")
      throw CheckpointError(
        file.path, "general.architecture", found: "\"\(name)\"", expected: "one of \(known)",
        remedy: "this architecture is not supported")
    }
    let configuration = GGUFConfiguration(file, architecture)
    var problems = configuration.problems
    var tensors: [String: StoredTensor] = [:]
    for tensor in file.tensors where !GGUFNames.isIgnorable(tensor.name) {
      // Read into the configuration.
      if tensor.name == "rope_freqs.weight" { continue }
      guard let hugging = architecture.names.huggingFace(tensor.name) else {
        problems.append(
          .init(
            "tensor \(tensor.name)", found: "\(tensor.shape) of \(tensor.type)",
            expected: "a tensor of the \(architecture.rawValue) architecture"))
        continue
      }
      do throws(CheckpointError) {
        tensors[hugging] = try Self.restored(
          file.stored(tensor), tensor, file: file, architecture: architecture,
          configuration: configuration)
      } catch {
        problems += error.problems
      }
    }
    if !problems.isEmpty { throw CheckpointError(file: file.path, problems: problems) }
    self.configuration = .object(configuration.document)
    self.tensors = tensors
  }

  /// The tensor with its rows in Hugging Face's order.
  private static func restored(
    _ stored: StoredTensor, _ tensor: TensorDescription, file: GGUFFile,
    architecture: GGUFArchitecture, configuration: GGUFConfiguration
  ) throws(CheckpointError) -> StoredTensor {
    let rows = tensor.shape[0]
    let order: [Int32]?
    switch (architecture, tensor.name.split(separator: ".").dropFirst(2).first) {
    case (.llama, "attn_q"): order = unpermuted(rows: rows, heads: configuration.heads)
    case (.llama, "attn_k"): order = unpermuted(rows: rows, heads: configuration.keyValueHeads)
    case (.gptNeoX, "attn_qkv"): order = interleaved(rows: rows, heads: configuration.heads)
    default: return stored
    }
    guard let order, tensor.shape.count <= 2 else {
      throw CheckpointError(
        file.path, "tensor \(tensor.name)", found: "the shape \(tensor.shape)",
        expected: "rows that divide evenly among \(configuration.heads) heads")
    }
    return tensor.shape.count == 2 ? stored.selectingRows(order) : gathered(stored, order)
  }

  /// Elements of a vector in another order; biases are small, so they are copied.
  private static func gathered(_ stored: StoredTensor, _ order: [Int32]) -> StoredTensor {
    let elements = stored.widened().elements
    return StoredTensor(Tensor(order.map { elements[Int($0)] }, Shape(stored.shape)))
  }

  /// Stored rows for the llama architecture. llama.cpp rotates neighbours, Hugging Face the two
  /// halves of a head: row `half * d + i` of a head is stored as its row `2 * i + half`.
  private static func unpermuted(rows: Int, heads: Int) -> [Int32]? {
    guard heads > 0, rows % (2 * heads) == 0, rows <= Int32.max else { return nil }
    let headDim = rows / heads
    return (0..<rows).map { row in
      let (head, place) = (row / headDim, row % headDim)
      return Int32(head * headDim + 2 * (place % (headDim / 2)) + place / (headDim / 2))
    }
  }

  /// Stored rows for GPT-NeoX: Hugging Face's go head by head, its query, its key, its value;
  /// GGUF's are all queries, all keys, all values.
  private static func interleaved(rows: Int, heads: Int) -> [Int32]? {
    guard heads > 0, rows % (3 * heads) == 0, rows <= Int32.max else { return nil }
    let headDim = rows / (3 * heads)
    return (0..<rows).map { row in
      let (head, part) = (row / (3 * headDim), row / headDim % 3)
      return Int32(part * heads * headDim + head * headDim + row % headDim)
    }
  }
}

/// The architectures that are read, by GGUF's names.
enum GGUFArchitecture: String, CaseIterable {
  /// Also Mistral.
  case llama
  case qwen2
  case qwen3
  case gpt2
  case gptNeoX = "gptneox"

  var names: GGUFNames {
    switch self {
    case .llama, .qwen2, .qwen3: .llama
    case .gpt2: .gpt2
    case .gptNeoX: .gptNeoX
    }
  }
}

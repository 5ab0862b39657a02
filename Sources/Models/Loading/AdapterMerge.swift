import Checkpoints
import Documents
import Operations
import TensorCore
import Transformers

/// Adds a LoRA adapter (Hu et al. 2021, arXiv 2106.09685) to the weights that it was trained beside, as
/// PEFT's `merge_and_unload` does.
struct AdapterMerge {
  private let adapter: AdapterFolder
  private let tensors: [String: StoredTensor]
  private let file: MappedFile
  private var problems: [String] = []

  init(_ path: String) throws {
    guard let adapter = try AdapterFolder(path) else {
      throw ModelError(
        location: path,
        problems: ["is no adapter: expected adapter_config.json and adapter_model.safetensors"])
    }
    self.adapter = adapter
    (tensors, file) = try adapter.tensors()
  }

  /// - Parameter source: the base in its family's names.
  /// - Throws: `ModelError` listing what does not fit.
  mutating func merged(into source: ModelSource) throws -> ModelSource {
    refuseOtherKinds()
    var merged = source.tensors
    for (name, tensor) in tensors.sorted(by: { $0.key < $1.key }) {
      let plain = Self.plainName(name)
      if let module = Self.module(plain, ".lora_A.weight") {
        add(module, tensor, to: &merged)
      } else if Self.module(plain, ".lora_B.weight") == nil {
        // Modules that were trained whole are saved whole.
        if merged[plain]?.shape == tensor.shape {
          merged[plain] = tensor
        } else {
          problems.append("\(name) of \(tensor.shape) has no place in the base model")
        }
      }
    }
    if !problems.isEmpty { throw ModelError(location: adapter.path, problems: problems) }
    return source.merging(adapter, file: file, tensors: merged)
  }

  private static func plainName(_ name: String) -> String {
    let wrapper = "base_model.model."
    return (name.hasPrefix(wrapper) ? String(name.dropFirst(wrapper.count)) : name)
      .replacing(".default.", with: ".")
  }

  private static func module(_ name: String, _ suffix: String) -> String? {
    name.hasSuffix(suffix) ? String(name.dropLast(suffix.count)) : nil
  }

  /// Other adapters of the same program compute otherwise.
  private mutating func refuseOtherKinds() {
    let configuration = adapter.configuration
    let kind = configuration["peft_type"]?.stringValue ?? "LORA"
    if kind != "LORA" { problems.append("peft_type is \"\(kind)\", expected LORA") }
    if configuration["use_dora"]?.boolValue == true {
      problems.append("use_dora is true, which is not supported; merge the adapter with PEFT")
    }
    if let bias = configuration["bias"]?.stringValue, bias != "none" {
      problems.append("bias is \"\(bias)\", expected none; merge the adapter with PEFT")
    }
  }

  private mutating func add(
    _ module: String, _ down: StoredTensor, to merged: inout [String: StoredTensor]
  ) {
    let names = ["base_model.model.\(module)", module].flatMap {
      ["\($0).lora_B.weight", "\($0).lora_B.default.weight"]
    }
    guard let up = names.compactMap({ [tensors] in tensors[$0] }).first else {
      problems.append("\(module).lora_B.weight is missing beside lora_A")
      return
    }
    let (key, base) = Self.base(module, in: merged)
    guard let base, base.shape.count == 2, down.shape.count == 2, up.shape.count == 2,
      down.shape[0] == up.shape[1]
    else {
      problems.append("\(module) has no matrix in the base model that the adapter could change")
      return
    }
    let isTransposed = adapter.configuration["fan_in_fan_out"]?.boolValue ?? false
    let shape = isTransposed ? [down.shape[1], up.shape[0]] : [up.shape[0], down.shape[1]]
    guard base.shape == shape else {
      problems.append("\(key) is of \(base.shape), but the adapter was trained beside \(shape)")
      return
    }
    var total = base.widened()
    let scaled = affine(up.widened(), scale: scale(of: module, rank: down.shape[0]), offset: 0)
    if isTransposed {
      addProduct(down.widened(), transposed(scaled), leftTransposed: true, to: &total)
    } else {
      addProduct(scaled, down.widened(), to: &total)
    }
    merged[key] = StoredTensor(total)
  }

  /// The matrix of a module; adapters of base models lack the prefix of whole ones.
  private static func base(
    _ module: String, in tensors: [String: StoredTensor]
  ) -> (key: String, tensor: StoredTensor?) {
    for prefix in ["", "model.", "transformer.", "gpt_neox.", "bert."] {
      let key = "\(prefix)\(module).weight"
      if let tensor = tensors[key] { return (key, tensor) }
    }
    return ("\(module).weight", nil)
  }

  /// What the product of both matrices is multiplied by.
  private func scale(of module: String, rank: Int) -> Float {
    let configuration = adapter.configuration
    let patterns = configuration["alpha_pattern"]?.objectValue?.members ?? []
    let own = patterns.first { module == $0.key || module.hasSuffix(".\($0.key)") }?.value
    let alpha = own?.doubleValue ?? configuration["lora_alpha"]?.doubleValue ?? 8
    let divisor =
      configuration["use_rslora"]?.boolValue == true ? Double(rank).squareRoot() : Double(rank)
    return Float(alpha / divisor)
  }
}

extension ModelSource {
  /// A teacher with a LoRA adapter merged into its weights.
  ///
  /// - Parameter adapter: the adapter's folder; nil for the teacher as it is.
  /// - Throws: as `openTeacher`, and `ModelError` for an adapter that does not fit.
  public static func openTeacher(_ path: String, adapter: String?) throws -> ModelSource {
    let source = try openTeacher(path)
    guard let adapter else { return source }
    var merge = try AdapterMerge(adapter)
    return try merge.merged(into: source)
  }
}

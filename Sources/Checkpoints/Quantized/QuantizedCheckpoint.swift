import Documents
import TensorCore

/// A checkpoint whose configuration says that its weights are packed, and how. What it is read as
/// are floats of 32 bits in memory, layer by layer from the file.
struct QuantizedCheckpoint {
  /// Ways of packing whose arithmetic is one product.
  enum Method: String, CaseIterable {
    case gptq, awq, fp8, bitsandbytes
  }

  /// Weights by their names, and the names of the tensors that need no reading beside them.
  struct Unpacked {
    var weights: [String: StoredTensor] = [:]
    var sources: Set<String> = []
  }

  let method: Method
  /// `quantization_config`.
  let settings: JSONValue
  /// What messages call the checkpoint.
  let location: String

  /// - Parameter configuration: `config.json`.
  /// - Returns: nil where it says nothing of packed weights.
  /// - Throws: `CheckpointError` naming the method or the setting by which weights would be read as
  ///   other numbers.
  init?(_ configuration: JSONValue, location: String) throws(CheckpointError) {
    guard let settings = configuration["quantization_config"], !settings.isNull else { return nil }
    guard let method = settings["quant_method"]?.stringValue.flatMap(Method.init) else {
      throw Self.refusal(
        location, "quant_method", settings,
        expected: "gptq, awq, fp8, bitsandbytes, or weights as floats")
    }
    self.method = method
    self.settings = settings
    self.location = location
    // Its layers are stored the other way round, which the packing does not tell.
    if method != .fp8, configuration["model_type"] == "gpt2" {
      throw Self.refusal(
        location, "quant_method", settings, expected: "weights of GPT-2 as floats")
    }
    switch method {
    case .gptq, .awq:
      try require("bits", [4])
      try require("group_size", isValid: { $0.intValue.map { $0 == -1 || $0 > 0 } == true })
    case .bitsandbytes: break
    case .fp8:
      try require("fmt", ["e4m3", "float8_e4m3fn"])
      try require("weight_block_size", isValid: { Self.blockSize($0) != nil })
    }
    if method == .gptq {
      for key in Self.formatKeys { try require(key, ["gptq", "gptq_v2"]) }
      try require("is_marlin_format", [false])
      try require("pack_dtype", ["int32"])
      try require("dynamic", [[:]])
    }
    if method == .awq {
      for key in ["version", "format"] { try require(key, ["gemm", "GEMM"]) }
      try require("backend", ["auto", "autoawq", "gptqmodel"])
    }
  }

  /// Reads every packed weight of the files.
  ///
  /// - Throws: `CheckpointError` for the first tensor that is not as the method has it.
  func unpack(_ files: [SafetensorsFile]) throws(CheckpointError) -> Unpacked {
    let tensors = try PackedTensors(files, of: self)
    switch method {
    case .fp8: return try float8Weights(tensors)
    case .bitsandbytes: return try bitsAndBytesWeights(tensors)
    case .gptq, .awq: return try integerWeights(tensors)
    }
  }

  /// Packed weights that no setting explains, as tools before `quantization_config` saved them.
  static func refuseUnexplained(
    _ tensors: [TensorDescription], location: String
  ) throws(CheckpointError) {
    guard let words = tensors.first(where: { $0.name.hasSuffix(".qweight") }) else { return }
    throw CheckpointError(
      location, "config.json, quantization_config",
      found: "nothing beside the packed \(words.name)",
      expected: "its quant_method, bits and group_size",
      remedy: "copy them from quantize_config.json, where there is one")
  }

  /// `[rows, columns]` floats in memory, rows filled over all workers.
  ///
  /// - Parameter together: rows whose packed numbers share lines of the cache.
  static func unpacked(
    rows: Int, columns: Int, together: Int = 1,
    _ fill: (_ row: Int, UnsafeMutablePointer<Float>) -> Void
  ) -> StoredTensor {
    let buffer = ByteBuffer(count: rows * columns * 4)
    let floats = buffer.base.bindMemory(to: Float.self, capacity: rows * columns)
    WorkerPool.shared.parallel((rows + together - 1) / together) { task in
      for row in task * together..<min(rows, (task + 1) * together) {
        fill(row, floats + row * columns)
      }
    }
    return StoredTensor(
      elementType: .float32, shape: [rows, columns], bytes: buffer.bytes, owner: buffer)
  }

  // MARK: Settings

  /// What says how GPTQ's words are to be read, under its old name and its new one.
  static let formatKeys = ["checkpoint_format", "format"]

  /// Rows and columns that share a scale.
  static func blockSize(_ value: JSONValue) -> (rows: Int, columns: Int)? {
    guard let sizes = value.arrayValue?.map({ $0.intValue ?? 0 }), sizes.count == 2,
      sizes.allSatisfy({ $0 > 0 })
    else { return nil }
    return (sizes[0], sizes[1])
  }

  /// What is absent or null is as the method has it.
  private func require(_ key: String, _ known: [JSONValue]) throws(CheckpointError) {
    guard let value = settings[key], !value.isNull, !known.contains(value) else { return }
    throw Self.refusal(
      location, key, settings, expected: known.map(\.compact).joined(separator: " or "))
  }

  private func require(
    _ key: String, isValid: (JSONValue) -> Bool
  ) throws(CheckpointError) {
    guard let value = settings[key], !value.isNull, !isValid(value) else { return }
    throw Self.refusal(location, key, settings, expected: "positive numbers of elements")
  }

  private static let remedy = "name the checkpoint it was made of, or a GGUF file of it"

  private static func refusal(
    _ location: String, _ key: String, _ settings: JSONValue, expected: String
  ) -> CheckpointError {
    CheckpointError(
      location, "config.json, quantization_config.\(key)", found: settings[key]?.compact ?? "none",
      expected: expected, remedy: remedy)
  }

  /// A tensor that is not as the configuration says.
  func mistake(_ tensor: String, found: String, expected: String) -> CheckpointError {
    CheckpointError(
      location,
      "config.json, quantization_config.quant_method \(method.rawValue), tensor \(tensor)",
      found: found, expected: expected, remedy: Self.remedy)
  }
}

/// The tensors of a checkpoint with packed weights, by their names.
struct PackedTensors {
  /// As the files have them, in the order of their names.
  let names: [String]
  private let entries: [String: (file: SafetensorsFile, tensor: TensorDescription)]
  private let checkpoint: QuantizedCheckpoint

  init(
    _ files: [SafetensorsFile], of checkpoint: QuantizedCheckpoint
  ) throws(CheckpointError) {
    var entries: [String: (file: SafetensorsFile, tensor: TensorDescription)] = [:]
    for file in files {
      for tensor in file.tensors
      where entries.updateValue((file, tensor), forKey: tensor.name) != nil {
        throw checkpoint.mistake(tensor.name, found: "the name twice", expected: "each name once")
      }
    }
    self.entries = entries
    self.checkpoint = checkpoint
    names = entries.keys.sorted()
  }

  func has(_ name: String) -> Bool { entries[name] != nil }

  func type(_ name: String) -> String? { entries[name]?.tensor.type }

  /// Empty for a tensor that is not there.
  func shape(_ name: String) -> [Int] { entries[name]?.tensor.shape ?? [] }

  /// The shape of a matrix that has elements.
  func matrix(_ name: String) throws(CheckpointError) -> (rows: Int, columns: Int) {
    let shape = shape(name)
    guard shape.count == 2, !shape.contains(0) else {
      throw checkpoint.mistake(name, found: "\(shape)", expected: "two dimensions that are not 0")
    }
    return (shape[0], shape[1])
  }

  /// The bytes of a tensor of one type, which stay as long as this does.
  func bytes(
    _ name: String, _ type: String, _ shape: [Int]
  ) throws(CheckpointError) -> UnsafeRawBufferPointer {
    let (file, tensor) = try entry(name)
    guard tensor.type == type, tensor.shape == shape else {
      throw checkpoint.mistake(
        name, found: "\(tensor.shape) of \(tensor.type)", expected: "\(shape) of \(type)")
    }
    return UnsafeRawBufferPointer(rebasing: file.mapping.bytes[tensor.bytes])
  }

  /// A tensor of floats of any type and shape.
  func floats(_ name: String) throws(CheckpointError) -> StoredTensor {
    let (file, tensor) = try entry(name)
    return try file.stored(tensor)
  }

  /// Lets go of the memory of what was read.
  func release(_ name: String) {
    guard let (file, tensor) = entries[name] else { return }
    file.mapping.release(UnsafeRawBufferPointer(rebasing: file.mapping.bytes[tensor.bytes]))
  }

  private func entry(
    _ name: String
  ) throws(CheckpointError) -> (file: SafetensorsFile, tensor: TensorDescription) {
    guard let entry = entries[name] else {
      throw checkpoint.mistake(name, found: "no such tensor", expected: "it beside the others")
    }
    return entry
  }
}

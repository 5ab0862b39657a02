import Documents

/// A checkpoint whose configuration says that its weights are packed.
enum QuantizedCheckpoint {
  /// - Throws: `CheckpointError` naming the method: what its tensors hold is no weights as they are.
  static func refuse(_ configuration: JSONValue, location: String) throws {
    guard let settings = configuration["quantization_config"], !settings.isNull else { return }
    let method = settings["quant_method"]?.compact ?? "none"
    throw CheckpointError(
      location, "config.json, quantization_config.quant_method", found: method,
      expected: "weights of type F32, F16 or BF16",
      remedy: "name the checkpoint it was made of, or a GGUF file of it")
  }
}

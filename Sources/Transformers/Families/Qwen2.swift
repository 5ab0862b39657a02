/// Qwen 2 and 2.5: Llama's blocks with biases on queries, keys and values.
public enum Qwen2: TeacherFamily {
  public static let modelType = "qwen2"
  public static let summary =
    "Qwen 2 and 2.5: Llama with biases on queries, keys and values"

  public static func architecture(_ reader: ConfigurationReader) -> Architecture {
    var configuration = llamaConfiguration(
      reader, family: modelType, defaultKeyValueHeads: 32)
    configuration.slidingWindows = qwenWindows(reader, layers: configuration.layers)
    return llamaArchitecture(
      reader, configuration, promisedBiases: ["q_proj", "k_proj", "v_proj"])
  }

  public static func isIgnorable(_ name: String) -> Bool { Llama.isIgnorable(name) }

  public static let gguf: GGUFLayout? = qwenLayout(
    modelType, biases: ["attn_q", "attn_k", "attn_v"])
}

/// llama.cpp's architecture of the same name.
///
/// - Parameter biases: parts of a block that have one.
func qwenLayout(_ modelType: String, biases: Set<String> = []) -> GGUFLayout {
  GGUFLayout(
    modelType, names: .llama, rules: GGUFArchitecture(biases: biases),
    configuration: { metadata in
      var document = metadata.llamaConfiguration(modelType)
      if metadata.has("attention.sliding_window") {
        document["sliding_window"] = .integer(metadata.integer("attention.sliding_window"))
        document["use_sliding_window"] = true
      }
      return document
    })
}

/// `sliding_window` counts only with `use_sliding_window`, and from layer `max_window_layers` on,
/// unless `layer_types` names the layers.
func qwenWindows(_ reader: ConfigurationReader, layers: Int) -> [Int?] {
  reader.pass(over: "sliding_window", "max_window_layers", "layer_types")
  guard reader.boolean("use_sliding_window", default: false), !reader.isNull("sliding_window")
  else { return Array(repeating: nil, count: layers) }
  let window = reader.integer("sliding_window", default: 4096)
  if let types = reader.strings("layer_types"), types.count == layers {
    return types.map { $0 == "sliding_attention" ? window : nil }
  }
  let first = reader.integer("max_window_layers", default: 28, in: 0...1 << 27)
  return (0..<layers).map { $0 >= first ? window : nil }
}

import Documents
import Operations

/// SmolLM3: Llama's blocks, of which every fourth applies no positions (Yang et al. 2025, arXiv
/// 2501.18795).
public enum SmolLM3: TeacherFamily {
  public static let modelType = "smollm3"
  public static let summary = "SmolLM3: Llama with layers that know no positions"

  public static func architecture(_ reader: ConfigurationReader) -> Architecture {
    var configuration = llamaConfiguration(
      reader, family: modelType, rotary: RotaryKeys(defaultTheta: 2_000_000),
      defaultKeyValueHeads: 4)
    let layers = configuration.layers
    configuration.tiesHead = reader.boolean("tie_word_embeddings", default: true)
    let interval = reader.integer("no_rope_layer_interval", default: 4)
    let isRotary: [Bool]
    if let listed = reader.integers("no_rope_layers") {
      if listed.count < layers {
        reader.report("no_rope_layers has \(listed.count) elements, expected \(layers)")
      }
      isRotary = (0..<layers).map { $0 >= listed.count || listed[$0] != 0 }
    } else {
      isRotary = (0..<layers).map { ($0 + 1) % interval != 0 }
    }
    if case .rotary(let rotary) = configuration.positions {
      configuration.positions = .rotary(zip(rotary, isRotary).map { $1 ? $0 : nil })
    }
    reader.pass(over: "sliding_window", "layer_types")
    if reader.boolean("use_sliding_window", default: false) {
      let window = reader.optionalInteger("sliding_window")
      let types = reader.layerTypes(layers)
      configuration.slidingWindows = (0..<layers).map {
        types?[$0] == "sliding_attention" || (types == nil && !isRotary[$0]) ? window : nil
      }
    }
    return llamaArchitecture(reader, configuration)
  }

  public static func isIgnorable(_ name: String) -> Bool { Llama.isIgnorable(name) }

  /// The file does not say which layers are without positions: llama.cpp takes every fourth.
  public static let gguf: GGUFLayout? = GGUFLayout(
    modelType, names: .llama,
    rules: GGUFArchitecture(rotatesNeighbours: true, unrotatedPeriod: 4),
    configuration: { $0.llamaConfiguration(modelType) },
    restored: Llama.unpermuted)
}

/// Qwen 3: RMS norm on every head of queries and keys, a head dimension of its own.
public enum Qwen3: TeacherFamily {
  public static let modelType = "qwen3"
  public static let summary =
    "Qwen 3: norms on queries and keys, a head dimension of its own"

  public static func architecture(_ reader: ConfigurationReader) -> Architecture {
    var configuration = llamaConfiguration(
      reader, family: modelType, defaultKeyValueHeads: 32, defaultHeadDim: 128)
    configuration.slidingWindows = qwenWindows(reader, layers: configuration.layers)
    return llamaArchitecture(reader, configuration, normalizesHeads: true)
  }

  public static func isIgnorable(_ name: String) -> Bool { Llama.isIgnorable(name) }

  public static let gguf: GGUFLayout? = qwenLayout(modelType)
}

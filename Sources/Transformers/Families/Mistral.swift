/// Mistral: Llama's blocks with a sliding window over the keys.
public enum Mistral: TeacherFamily {
  public static let modelType = "mistral"
  public static let summary =
    "Llama with a sliding window"

  public static func architecture(_ reader: ConfigurationReader) -> Architecture {
    var configuration = llamaConfiguration(
      reader, family: modelType, defaultKeyValueHeads: 8)
    // null says none; a configuration that says nothing has that of Mistral 7B 0.1.
    let window =
      reader.isNull("sliding_window") ? nil : reader.integer("sliding_window", default: 4096)
    configuration.slidingWindows = configuration.slidingWindows.map { _ in window }
    return llamaArchitecture(reader, configuration)
  }

  public static func isIgnorable(_ name: String) -> Bool { Llama.isIgnorable(name) }

  public static let gguf: GGUFLayout? = Llama.ggufLayout(modelType) {
    $0.has("attention.sliding_window")
  }
}

import Documents
import TensorCore

/// Qwen 3: RMS norm on every head of queries and keys, a head dimension of its own.
public enum Qwen3: TeacherFamily {
  public static let modelType = "qwen3"
  public static let summary =
    "Qwen 3: norms on queries and keys, a head dimension of its own"

  public static func configuration(_ reader: ConfigurationReader) -> DecoderConfiguration {
    var configuration = llamaConfiguration(reader, family: modelType)
    configuration.hasQueryKeyNorm = true
    configuration.slidingWindows = qwenWindows(reader, layers: configuration.slidingWindows.count)
    return configuration
  }

  public static func weights(
    _ source: WeightSource, _ configuration: DecoderConfiguration, _ document: JSONValue
  ) -> DecoderWeights {
    llamaWeights(source, configuration, document)
  }

  public static func isIgnorable(_ name: String) -> Bool { Llama.isIgnorable(name) }
}

import Documents
import TensorCore

/// Mistral: Llama's blocks with a sliding window over the keys.
public enum Mistral: TeacherFamily {
  public static let modelType = "mistral"
  public static let summary =
    "Llama with a sliding window"

  public static func configuration(_ reader: ConfigurationReader) -> DecoderConfiguration {
    var configuration = llamaConfiguration(reader, family: modelType)
    let window = reader.optionalInteger("sliding_window")
    configuration.slidingWindows = configuration.slidingWindows.map { _ in window }
    return configuration
  }

  public static func weights(
    _ source: WeightSource, _ configuration: DecoderConfiguration, _ document: JSONValue
  ) -> DecoderWeights {
    llamaWeights(source, configuration, document)
  }

  public static func isIgnorable(_ name: String) -> Bool { Llama.isIgnorable(name) }
}

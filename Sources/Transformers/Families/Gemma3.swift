import Documents
import Operations
import TensorCore

/// Gemma 3 (arXiv 2503.19786), its text part: Gemma 2's blocks with norms on the heads of queries
/// and keys instead of soft caps, five layers of six with a sliding window and a rotary base of
/// their own, and the frequencies of the sixth divided for long contexts.
public enum Gemma3: TeacherFamily {
  public static let modelType = "gemma3_text"
  public static let summary =
    "Gemma 3, text: norms on queries and keys, a rotary base for windows and one for the rest"

  public static func architecture(_ reader: ConfigurationReader) -> Architecture {
    let configuration = gemmaConfiguration(
      reader, family: modelType, defaultCaps: (attention: nil, logits: nil), windowPattern: 6
    ) { headDim in
      let global = reader.rotary(
        headDim: headDim, RotaryKeys(defaultTheta: 1_000_000), layerType: "full_attention",
        takesScaling: true)
      let local = reader.rotary(
        headDim: headDim, RotaryKeys(theta: "rope_local_base_freq"),
        layerType: "sliding_attention", takesScaling: false)
      return (global, local)
    }
    return gemmaArchitecture(reader, configuration, normalizesHeads: true)
  }

  public static func isIgnorable(_ name: String) -> Bool { Llama.isIgnorable(name) }

  public static let gguf: GGUFLayout? = GGUFLayout(
    "gemma3", names: gemmaNames,
    rules: GGUFArchitecture(
      activations: [.geluTanh], windowPeriod: 6, readsCaps: (scores: false, logits: true),
      scalesEmbeddings: true, unusuallyScaled: 62),
    configuration: { metadata in
      var document = gemmaDocument(metadata, modelType: modelType, largestModel: 62)
      document["rope_theta"] = .number(metadata.number("rope.freq_base", default: 1_000_000))
      document["rope_local_base_freq"] = .number(
        metadata.number("rope.freq_base_swa", default: 10_000))
      if metadata.has("final_logit_softcapping") {
        document["final_logit_softcapping"] = .number(metadata.number("final_logit_softcapping"))
      }
      return document
    }, restored: Gemma2.withoutOne)
}

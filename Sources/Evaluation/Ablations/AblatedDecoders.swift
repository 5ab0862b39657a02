import Operations
import Results
import Students
import Transformers

/// The decoders whose numbers belong beside a student's: what its window and its memory do alone, what is
/// left without attention, and what the teacher does with the same window and no training
/// (arXiv 2510.05901, 2309.17453).
public struct AblatedDecoders {
  /// Window of the untrained teacher beside a student that has none, in tokens.
  static let windowBesidePureLinear = 64
  /// Attention sinks of the untrained teacher beside a student that has none (arXiv 2309.17453).
  static let sinksBesideNone = 4

  /// One decoder beside teacher and student.
  public struct Row {
    /// Which row of the ablation table it is.
    public let variant: ModelVariant
    /// What it is, in words.
    public let detail: String
    /// The model, ready to be measured; it shares the weights of the others.
    public let decoder: Decoder

    /// A decoder and what it is.
    public init(variant: ModelVariant, detail: String, decoder: Decoder) {
      self.variant = variant
      self.detail = detail
      self.decoder = decoder
    }
  }

  /// In the order of `ModelVariant`, without teacher and student.
  public private(set) var rows: [Row]

  /// - Parameters:
  ///   - student: with its mixers and adapters; layers that keep softmax keep it in every row.
  ///   - teacher: the decoder that the student stands on, untouched.
  public init(student: Decoder, teacher: Decoder) {
    let converted = Set(student.convertedLayers)
    guard let first = student.layers.first(where: { converted.contains($0.index) }) else {
      rows = []
      return
    }
    let hybrid = first.mixer as? any HybridMixer
    func only(_ part: MixerPart) -> Decoder {
      student.replacingMixers { ($0.mixer as? any HybridMixer)?.only(part) }
    }
    var rows: [Row] = []
    if hybrid?.only(.window) != nil {
      rows.append(
        Row(
          variant: .windowOnly,
          detail: Self.describe(hybrid?.window ?? .none, sinks: hybrid?.sinks ?? 0),
          decoder: only(.window)))
    }
    if let hybrid, hybrid.only(.memory) != nil {
      rows.append(
        Row(
          variant: .memoryOnly, detail: hybrid.memoryDetail,
          decoder: only(.memory)))
    }
    rows.append(
      Row(
        variant: .noAttention, detail: "attention outputs are zero",
        decoder: student.replacingMixers { converted.contains($0.index) ? ZeroMixer() : nil }))
    self.rows = rows
    // A window looks back; an encoder's attention has no direction.
    if teacher.configuration.isEncoder { return }
    let (plainWindow, plainSinks) = Self.untrainedWindow(beside: first.mixer)
    self.rows.append(
      Row(
        variant: .teacherWindowSinks,
        detail: Self.describe(plainWindow, sinks: plainSinks)
          + Self.describe(softmaxLayers: teacher.layers.count - converted.count) + ", untrained",
        decoder: teacher.replacingMixers { layer in
          converted.contains(layer.index)
            ? SoftmaxWindowMixer(
              layer.configuration.attention, window: plainWindow, sinks: plainSinks) : nil
        }))
  }

  /// What the untrained teacher sees beside a student: the student's window with four sinks at least,
  /// or a window of its own beside a student that has none.
  public static func untrainedWindow(beside mixer: any TokenMixer) -> (
    window: AttentionWindow, sinks: Int
  ) {
    let hybrid = mixer as? any HybridMixer
    let window = hybrid?.window ?? .none
    return (
      window == .none ? .sliding(windowBesidePureLinear) : window,
      max(hybrid?.sinks ?? 0, sinksBesideNone)
    )
  }

  private static func describe(softmaxLayers: Int) -> String {
    switch softmaxLayers {
    case 0: ""
    case 1: ", softmax in one layer"
    default: ", softmax in \(softmaxLayers) layers"
    }
  }

  /// "sliding window of 64, first 4 tokens kept".
  public static func describe(_ window: AttentionWindow, sinks: Int) -> String {
    let name =
      switch window {
      case .none: "no window"
      case .sliding(let size): "sliding window of \(size)"
      case .terrace(let size): "terrace window of \(size)"
      }
    return name + (sinks > 0 ? ", first \(sinks) tokens kept" : "")
  }
}

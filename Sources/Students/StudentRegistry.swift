import Differentiation
import Documents

/// The only place where mixers and what they are made of are registered: one line each.
public enum StudentRegistry {
  /// Every mixer that `student.mixer` may name.
  public static let mixers: [any MixerSpecification.Type] = [
    LinearAttention.self,
    SlidingWindowAttention.self,
    TerraceWindowAttention.self,
    RADRWKV6.self,
    RADRWKV7.self,
    QLinAtt.self,
    GatedDeltaNet.self,
    Mamba2.self,
    WindowMemory.self,
  ]

  /// What becomes of keys that softmax does not read.
  public static let memories: [any MemorySpecification.Type] = [
    FeatureMapMemory.self,
    RADRWKV6.self,
    RADRWKV7.self,
    QLinAtt.self,
    GatedDeltaNet.self,
    Mamba2.self,
  ]

  /// Where softmax looks beside a memory.
  public static let windows: [any WindowSpecification.Type] = [
    SlidingWindow.self,
    TerraceWindow.self,
  ]

  /// How window and memory become one output.
  public static let policies: [any PolicySpecification.Type] = [
    ProjectedSumPolicy.self,
    GatedPolicy.self,
    SharedPolicy.self,
    AveragePolicy.self,
    NormedAveragePolicy.self,
    AlphaSumPolicy.self,
  ]

  /// Every map that a `featureMap` may name as its `kind`.
  public static let featureMaps: [any FeatureMap.Type] = [
    SoftmaxFeatureMap.self,
    ExponentialFeatureMap.self,
    ShiftedExponentialFeatureMap.self,
    JointSoftmaxFeatureMap.self,
    OnePlusELUFeatureMap.self,
    ReLUFeatureMap.self,
    T2RFeatureMap.self,
    PerformerFeatureMap.self,
    CosFormerFeatureMap.self,
    TaylorFeatureMap.self,
    ScaledExponentialFeatureMap.self,
    DPFPFeatureMap.self,
  ]
}

/// A mixer as a recipe describes it.
public protocol MixerSpecification: Sendable {
  /// What recipes call it.
  static var name: String { get }
  /// One line for `linearize list`.
  static var summary: String { get }

  /// Reads the mixer's own keys of the recipe's `student` object.
  init(_ reader: DocumentReader)

  /// Why this student cannot stand on a layer; one sentence a reason.
  func conflicts(with geometry: LayerGeometry) -> [String]

  /// Tokens that a sequence may have; nil: any number.
  var maximumLength: Int? { get }

  /// A fresh mixer; its initial values are a function of the seed and the layer alone.
  func makeMixer(_ geometry: LayerGeometry, seed: UInt64) -> any TokenMixer
}

extension MixerSpecification {
  public var maximumLength: Int? { nil }
}

/// The recipe's `student` object: a mixer, and the layers that keep softmax attention.
public struct StudentSpecification: Sendable {
  /// The attention that takes the softmax's place.
  public let mixer: any MixerSpecification
  /// Layers that stay as the teacher's, frozen.
  public let softmaxLayers: LayerSelection

  /// Reads the `student` of a recipe.
  public init(_ reader: DocumentReader) {
    let names = StudentRegistry.mixers.map { $0.name }
    let isChosenInParts = WindowMemory.keys.contains { reader.isGiven($0) }
    let name = reader.word(
      "mixer", of: names,
      default: isChosenInParts || reader.isDescribing ? WindowMemory.name : nil,
      "Token mixer that replaces softmax attention; may be left out where memory, window or policy "
        + "are given")
    softmaxLayers = LayerSelection(
      reader, "softmaxLayers", "Layers, counted from 0, that keep softmax attention, frozen")
    if reader.isDescribing {
      // The schema shows the keys of every mixer.
      mixer = StudentRegistry.mixers.map { $0.init(reader) }.last!
    } else {
      let type = StudentRegistry.mixers.first { $0.name == name } ?? StudentRegistry.mixers[0]
      mixer = type.init(reader)
    }
  }
}

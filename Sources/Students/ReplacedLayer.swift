import Operations
import TensorCore

/// A layer whose attention a student takes over, as the student may see it when it is made.
public struct ReplacedLayer {
  public let geometry: LayerGeometry
  /// What its heads did on a few sequences, one a query head.
  public let statistics: [AttentionStatistics.Head]
  /// Weights of the norms of queries and keys as the teacher's checkpoint has them, `[headDim]`, or
  /// as long as all heads where these are normalised as one; nil where the teacher has none.
  public let queryNorm, keyNorm: Tensor?
  private let weight: (ProjectionRole) -> Tensor

  public init(
    _ geometry: LayerGeometry, statistics: [AttentionStatistics.Head], queryNorm: Tensor? = nil,
    keyNorm: Tensor? = nil, weight: @escaping (ProjectionRole) -> Tensor
  ) {
    precondition(
      statistics.count == geometry.attention.queryHeads,
      "statistics of \(statistics.count) heads for \(geometry)")
    self.geometry = geometry
    self.statistics = statistics
    self.queryNorm = queryNorm
    self.keyNorm = keyNorm
    self.weight = weight
  }

  /// The layer's projection, `[outputs, hiddenSize]`, its bias apart.
  public func projection(_ role: ProjectionRole) -> Tensor { weight(role) }
}

/// A mixer some of whose initial values are computed of the layer that it replaces instead of
/// drawn.
public protocol CalibratedMixerSpecification: MixerSpecification {
  /// Whether this recipe's mixer has any; nothing is gathered of the teacher otherwise.
  var isCalibrated: Bool { get }

  /// A fresh mixer; its initial values are a function of the layer and the seed. Its parameters
  /// have the names and shapes that they have without a layer.
  func makeMixer(_ layer: ReplacedLayer, seed: UInt64) -> any TokenMixer
}

extension StudentSpecification {
  /// The mixer, where the recipe asks for a start that is computed of the teacher.
  public var calibratedMixer: (any CalibratedMixerSpecification)? {
    guard let mixer = mixer as? any CalibratedMixerSpecification, mixer.isCalibrated else {
      return nil
    }
    return mixer
  }
}

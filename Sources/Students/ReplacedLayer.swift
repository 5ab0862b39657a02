import Operations
import TensorCore

/// A layer whose attention a student takes over, as the student may see it when it is made
/// (`LayerGeometry.replaced`).
public final class ReplacedLayer: Sendable {
  /// What its heads did on a few sequences, one a query head.
  public let statistics: [AttentionStatistics.Head]
  /// What its attention read and made on these; nil where nobody looked.
  public let moments: LayerMoments?
  /// Weights of the norms of queries and keys as the teacher's checkpoint has them, `[headDim]`, or
  /// as long as all heads where these are normalised as one; nil where the teacher has none.
  public let queryNorm, keyNorm: Tensor?
  private let projections: [ProjectionRole: StoredTensor]

  /// - Parameter projections: of every role, `[outputs, hiddenSize]`.
  public init(
    statistics: [AttentionStatistics.Head], moments: LayerMoments? = nil,
    queryNorm: Tensor? = nil, keyNorm: Tensor? = nil,
    projections: [ProjectionRole: StoredTensor]
  ) {
    self.statistics = statistics
    self.moments = moments
    self.queryNorm = queryNorm
    self.keyNorm = keyNorm
    self.projections = projections
  }

  /// The layer's projection, `[outputs, hiddenSize]`, its bias apart.
  public func projection(_ role: ProjectionRole) -> Tensor { projections[role]!.widened() }
}

extension ReplacedLayer: Equatable {
  /// Whether both are one and the same.
  public static func == (left: ReplacedLayer, right: ReplacedLayer) -> Bool { left === right }
}

/// A mixer, or a memory, some of whose initial values can be computed of the layer that it replaces
/// instead of drawn.
public protocol CalibratedSpecification: Sendable {
  /// Whether the recipe asks for that. Nothing is gathered of the teacher otherwise.
  var isCalibrated: Bool { get }
}

extension StudentSpecification {
  /// Whether the recipe asks for a start that is computed of the teacher.
  public var isCalibrated: Bool {
    (mixer as? any CalibratedSpecification)?.isCalibrated ?? false
  }
}

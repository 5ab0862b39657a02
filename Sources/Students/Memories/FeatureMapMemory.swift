import Differentiation
import Documents
import Operations
import TensorCore

/// Linear attention over learned features: sums of `φkᵀ v` and of `φk` (Hedgehog arXiv 2402.04347,
/// T2R arXiv 2103.13076, LoLCATs arXiv 2410.10254 and others).
public struct FeatureMapMemory: NormalizedMemorySpecification {
  public static let name = "feature-map"
  public static let summary = "linear attention over learned features (Hedgehog, T2R, LoLCATs)"
  let featureMap: FeatureMapSpecification

  public init(_ reader: DocumentReader) {
    featureMap = reader.object(
      "featureMap", "Learned feature map of queries and keys", FeatureMapSpecification.init)
  }

  public func conflicts(with geometry: LayerGeometry) -> [String] {
    featureMap.conflicts(with: geometry)
  }

  public var maximumLength: Int? { featureMap.map.maximumLength }

  public func makeMixer(_ geometry: LayerGeometry, seed: UInt64) -> any TokenMixer {
    FeatureMapAttention(.init(window: .none), featureMap, geometry, seed: seed)
  }

  public func makeBranch(_ geometry: LayerGeometry, keys: BranchKeys, seed: UInt64)
    -> any MemoryBranch
  {
    FeatureMapBranch(featureMap, geometry, keys: keys, seed: seed)
  }
}

private final class FeatureMapBranch: MemoryBranch {
  private let featureMap: LearnedFeatureMap
  private let attention: AttentionShape
  private let keys: BranchKeys

  init(
    _ specification: FeatureMapSpecification, _ geometry: LayerGeometry, keys: BranchKeys,
    seed: UInt64
  ) {
    featureMap = LearnedFeatureMap(specification, geometry, seed: seed)
    attention = geometry.attention
    self.keys = keys
  }

  var parameters: [Parameter] { featureMap.parameters }
  var maximumLength: Int? { featureMap.maximumLength }

  func read(_ input: MixerInput, on tape: Tape) -> MemoryReading {
    let features = features(input, on: tape)
    return .branch(
      tape.featureBranch(
        queryFeatures: features.queries, keyFeatures: features.keys, values: input.values,
        attention: attention, keys: keys, layout: input.layout))
  }

  func makeState() -> any MemoryBranchState {
    FeatureMapBranchState(
      self, FeatureBranchState(attention, featureDim: featureMap.featureDim, keys: keys))
  }

  fileprivate func features(_ input: MixerInput, on tape: Tape) -> (
    queries: Variable, keys: Variable
  ) {
    let positions = input.layout.positions
    return (
      featureMap.queryFeatures(input.queries, positions: positions, on: tape),
      featureMap.keyFeatures(input.keys, positions: positions, on: tape)
    )
  }
}

private final class FeatureMapBranchState: MemoryBranchState {
  private let branch: FeatureMapBranch
  private var state: FeatureBranchState

  init(_ branch: FeatureMapBranch, _ state: FeatureBranchState) {
    (self.branch, self.state) = (branch, state)
  }

  var bytes: Int { state.bytes }

  func copy() -> any MemoryBranchState { FeatureMapBranchState(branch, state.copied()) }

  func advance(_ input: MixerInput) -> MemoryReading {
    let tape = Tape(isRecording: false)
    let features = branch.features(input, on: tape)
    return .branch(
      tape.constant(
        state.advance(
          queryFeatures: features.queries.value, keyFeatures: features.keys.value,
          values: input.values.value)))
  }
}

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

private final class FeatureMapBranch: WindowedMemoryBranch, FeatureMemoryBranch {
  private let featureMap: LearnedFeatureMap
  private let attention: AttentionShape
  private let keys: BranchKeys

  /// How its names in a layer's memory begin.
  private static let prefix = "memory."

  init(
    _ specification: FeatureMapSpecification, _ geometry: LayerGeometry, keys: BranchKeys,
    seed: UInt64
  ) {
    featureMap = LearnedFeatureMap(specification, geometry, seed: seed)
    attention = geometry.attention
    self.keys = keys
  }

  var parameters: [Parameter] { featureMap.parameters }
  var constants: [(name: String, value: Tensor)] { featureMap.constants }
  var maximumLength: Int? { featureMap.maximumLength }

  func read(_ input: MixerInput, memory: inout Memory?, on tape: Tape) -> MemoryReading {
    .branch(
      tape.featureBranch(
        queryFeatures: queryFeatures(input, on: tape), keys: input.keys,
        keyFeatures: featureMap.keyFeatures(on: tape), values: input.values,
        attention: attention, source: keys, layout: input.layout, memory: &memory,
        prefix: Self.prefix))
  }

  func read(
    _ input: MixerInput, with softmax: SoftmaxBranch, memory: inout Memory?, on tape: Tape
  ) -> (window: BranchVariables, memory: MemoryReading) {
    let branches = tape.windowAndFeatureBranches(
      queries: input.queries, keys: input.keys, values: input.values,
      queryFeatures: queryFeatures(input, on: tape),
      keyFeatures: featureMap.keyFeatures(on: tape), attention: attention,
      window: softmax.window, sinks: softmax.sinks, layout: input.layout, memory: &memory,
      prefix: Self.prefix)
    return (branches.window, .branch(branches.features))
  }

  func features(_ input: MixerInput, on tape: Tape) -> (queries: Variable, keys: Variable) {
    (
      queryFeatures(input, on: tape),
      featureMap.keyFeatures(input.keys, positions: input.layout.positions, on: tape)
    )
  }

  private func queryFeatures(_ input: MixerInput, on tape: Tape) -> Variable {
    featureMap.queryFeatures(input.queries, positions: input.layout.positions, on: tape)
  }

  var saysSums: Bool { true }

  func cost(length: Int) -> MixerCost {
    featureMap.cost
      + MixerCost(
        operations: attention.featureBranchOperations(
          featureDim: featureMap.featureDim, keys: keys, length: length))
  }

  func add(to memory: inout Memory) {
    memory.addFeatureBranch(
      attention, featureDim: featureMap.featureDim, keys: keys, prefix: Self.prefix)
  }

  func add(to memory: inout Memory, with softmax: SoftmaxBranch) {
    memory.addWindowAndFeatureBranches(
      attention, featureDim: featureMap.featureDim, window: softmax.window, sinks: softmax.sinks,
      prefix: Self.prefix)
  }
}

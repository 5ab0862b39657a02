import Differentiation
import Foundation
import Operations
import TensorCore

/// What a feature-map mixer's specification says beyond its feature map.
struct FeatureMapAttentionOptions: Sendable {
  var window: AttentionWindow
  var sinks = 0
  var isAffine = false
  /// γ at the start.
  var initialWindowFactor = 0.1
  var trainsWindowFactor = true
}

/// Linear attention over features, alone or under a softmax window: the mixers of Hedgehog, T2R,
/// Performer, LoLCATs and others. The attention itself is `Operations.hybridAttention`.
final class FeatureMapAttention: HybridMixer {
  private let featureMap: LearnedFeatureMap
  /// Logits of γ, `[1, queryHeads, 1, 1]`; nil without a window.
  private let windowFactors: Parameter?
  let shape: HybridAttentionShape

  init(
    _ options: FeatureMapAttentionOptions, _ map: FeatureMapSpecification,
    _ geometry: LayerGeometry, seed: UInt64
  ) {
    featureMap = LearnedFeatureMap(map, geometry, seed: seed)
    shape = HybridAttentionShape(
      attention: geometry.attention, featureDim: featureMap.featureDim, window: options.window,
      sinks: options.sinks, isAffine: options.isAffine)
    if options.window == .none {
      windowFactors = nil
    } else {
      let gamma = options.initialWindowFactor
      let factors = Parameter(
        name: "window_factors",
        value: Tensor(
          repeating: Float(log(gamma / (1 - gamma))), [1, geometry.attention.queryHeads, 1, 1]))
      factors.isTrainable = options.trainsWindowFactor
      windowFactors = factors
    }
  }

  private init(_ other: FeatureMapAttention, shape: HybridAttentionShape) {
    featureMap = other.featureMap
    windowFactors = other.windowFactors
    self.shape = shape
  }

  var maximumLength: Int? { featureMap.maximumLength }
  var window: AttentionWindow { shape.window }
  var sinks: Int { shape.sinks }

  var memoryDetail: String { "the keys beyond the window, their features alone" }

  func only(_ part: MixerPart) -> (any TokenMixer)? {
    if window == .none { return nil }
    return switch part {
    case .window: SoftmaxWindowMixer(shape.attention, window: window, sinks: sinks)
    case .memory: FeatureMapAttention(self, shape: shape.withMutedWindow)
    }
  }

  var parameters: [Parameter] {
    featureMap.parameters + [windowFactors].compactMap { $0 }
  }

  var constants: [(name: String, value: Tensor)] { featureMap.constants }

  func forward(_ input: MixerInput, memory: inout Memory?, on tape: Tape) -> Variable {
    let output = tape.hybridAttention(
      queries: input.queries, keys: input.keys, values: input.values,
      queryFeatures: featureMap.queryFeatures(
        input.queries, positions: input.layout.positions, on: tape),
      keyFeatures: featureMap.keyFeatures(on: tape),
      windowFactors: windowFactors.map(tape.parameter), shape: shape, layout: input.layout,
      memory: &memory)
    memory?.position += input.layout.rows
    return output
  }

  func makeMemory() -> Memory { shape.makeMemory() }

  /// Outputs and two statistics a head are kept beside the features.
  func cost(length: Int) -> MixerCost {
    featureMap.cost + MixerCost(operations: shape.operations(length: length))
      + .kept(shape.attention.queryWidth + 2 * shape.attention.queryHeads)
  }

  /// The variables that the mixer's weights are made of, for losses on attention weights.
  func features(_ input: MixerInput, on tape: Tape) -> (
    queries: Variable, keys: Variable, windowFactors: Variable?
  ) {
    let positions = input.layout.positions
    return (
      featureMap.queryFeatures(input.queries, positions: positions, on: tape),
      featureMap.keyFeatures(input.keys, positions: positions, on: tape),
      windowFactors.map(tape.parameter)
    )
  }
}

extension FeatureMapAttention: FarWeightMixer, FarMassMixer {
  var farKeys: BranchKeys { window == .none ? .all : .older(window, sinks: sinks) }

  func farFeatures(_ input: MixerInput, on tape: Tape) -> (queries: Variable, keys: Variable) {
    let features = features(input, on: tape)
    return (features.queries, features.keys)
  }

  var farMassKeys: BranchKeys? { window == .none ? nil : farKeys }

  func farMassLogits(_ input: MixerInput, on tape: Tape) -> Variable {
    let features = features(input, on: tape)
    guard let factors = features.windowFactors else {
      preconditionFailure("without a window the memory has all of the attention")
    }
    let layout = input.layout
    return tape.branchLogRatio(
      window: tape.windowBranch(
        queries: input.queries, keys: input.keys, values: input.values,
        attention: shape.attention, window: window, sinks: sinks, layout: layout),
      memory: tape.featureBranch(
        queryFeatures: features.queries, keyFeatures: features.keys, values: input.values,
        attention: shape.attention, keys: farKeys, layout: layout),
      logRatios: tape.logRatios(factors, isAffine: shape.isAffine), units: .rowMax)
  }
}

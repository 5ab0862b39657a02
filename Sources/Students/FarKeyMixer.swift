import Differentiation
import Operations

/// A mixer whose memory weighs keys by products of features: among themselves they can be compared
/// with the teacher's weights of the same keys, whatever the layer makes of the memory.
public protocol FarWeightMixer: TokenMixer {
  /// The keys that the memory reads.
  var farKeys: BranchKeys { get }

  /// What the weights are products of, `[tokens, queryHeads * featureDim]` each.
  func farFeatures(_ input: MixerInput, on tape: Tape) -> (queries: Variable, keys: Variable)
}

/// A mixer that may say what share of a query's attention its memory has.
public protocol FarMassMixer: TokenMixer {
  /// The keys whose share it is; nil where it says none.
  var farMassKeys: BranchKeys? { get }

  /// Logits of the shares, `[tokens, queryHeads]`, of no meaning where there is no such key.
  ///
  /// - Precondition: `farMassKeys` are some.
  func farMassLogits(_ input: MixerInput, on tape: Tape) -> Variable
}

/// A memory that is a sum over features of keys.
protocol FeatureMemoryBranch: MemoryBranch {
  /// What its weights are products of, `[tokens, queryHeads * featureDim]` each.
  func features(_ input: MixerInput, on tape: Tape) -> (queries: Variable, keys: Variable)
}

/// A policy that says what share of a query's attention the memory has.
protocol MassPolicy: BranchPolicy {
  /// Logits of the shares, `[tokens, queryHeads]`.
  func massLogits(_ input: JoinInput, on tape: Tape) -> Variable
}

import Documents
import Foundation

/// Rank of a low-rank matrix in RADLADS: `32 max(1, round(D^exponent · multiplier / 32))`, half to
/// even as in its code, where `D` is the hidden size.
struct RankRule: Sendable {
  let exponent, multiplier: Double

  static let decay = RankRule(exponent: 0.5, multiplier: 1.8)
  static let learningRate = RankRule(exponent: 0.5, multiplier: 1.8)
  static let valueMix = RankRule(exponent: 0.5, multiplier: 1.3)
  static let gate = RankRule(exponent: 0.8, multiplier: 0.6)
  static let tokenShift = RankRule(exponent: 0.5, multiplier: 1.8)

  func rank(hiddenSize: Int) -> Int {
    let steps = pow(Double(hiddenSize), exponent) * multiplier / 32
    return 32 * max(1, Int(steps.rounded(.toNearestOrEven)))
  }
}

extension DocumentReader {
  /// A rank of the recipe; nil: by the rule.
  func rank(_ key: String, of what: String) -> Int? {
    optionalInteger(
      key, in: 1...16_384, "Rank of \(what); by RADLADS' rule for the hidden size unless given")
  }

  func gateKind(default fallback: RADGate.Kind) -> RADGate.Kind {
    RADGate.Kind(
      rawValue: integer(
        "gateRankType", in: 0...2, default: fallback.rawValue,
        "Gate of the outputs: 0 none, 1 a full matrix, as rad-rwkv6 unless told otherwise, 2 two of "
          + "low rank, as rad-rwkv7"))!
  }

  func balancesState() -> Bool {
    boolean(
      "balanceState", default: true,
      "Write no more into the state than it forgets, so that it keeps its size")
  }

  func groupNorm(default fallback: Bool) -> Bool {
    boolean(
      "groupNorm", default: fallback,
      "Normalise the outputs of every head; rad-rwkv7 does unless balanceState is true")
  }

  func isRotary(default fallback: Bool) -> Bool {
    boolean(
      "rotary", default: fallback,
      "Give queries and keys the teacher's rotary positions; rad-rwkv6 does not unless told")
  }
}

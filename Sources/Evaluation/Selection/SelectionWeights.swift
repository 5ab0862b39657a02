import Results

/// How much each measure counts when layers are chosen.
public struct SelectionWeights: Sendable, Equatable {
  /// Of the divergence of predictions.
  public var divergence: Double
  /// Of associative recall's values.
  public var associative: Double
  /// Of passkeys.
  public var passkey: Double

  /// Weights, by default the same for all.
  public init(divergence: Double = 1, associative: Double = 1, passkey: Double = 1) {
    self.divergence = divergence
    self.associative = associative
    self.passkey = passkey
  }

  /// Nats below which a measure tells nothing of softmax: the model without it is as good.
  static let leastGap = 1e-3

  private typealias Term = (
    name: String, weight: Double, value: (SelectionResult.Measures) -> Double?
  )

  private var terms: [Term] {
    [
      ("divergence of predictions", divergence, { $0.divergence }),
      ("associative recall", associative, { $0.recallLoss }),
      ("passkeys", passkey, { $0.passkeyLoss }),
    ]
  }

  private func gap(
    _ term: Term, _ teacher: SelectionResult.Measures, _ without: SelectionResult.Measures
  ) -> Double? {
    guard term.weight > 0, let low = term.value(teacher), let high = term.value(without) else {
      return nil
    }
    return high - low
  }

  /// Weighted mean of the parts of the gaps between the teacher, 0, and the model without softmax,
  /// 1. A measure in which the teacher has no lead is left out.
  func cost(
    of measures: SelectionResult.Measures, teacher: SelectionResult.Measures,
    without: SelectionResult.Measures
  ) -> Double {
    var (sum, weights) = (0.0, 0.0)
    for term in terms {
      guard let gap = gap(term, teacher, without), gap > Self.leastGap,
        let low = term.value(teacher), let value = term.value(measures)
      else { continue }
      sum += term.weight * (value - low) / gap
      weights += term.weight
    }
    return weights == 0 ? 0 : sum / weights
  }

  /// Measures that were asked for and cannot tell layers apart, a sentence each.
  func notes(teacher: SelectionResult.Measures, without: SelectionResult.Measures) -> [String] {
    terms.compactMap { term in
      guard let gap = gap(term, teacher, without), gap <= Self.leastGap else { return nil }
      return
        "Not counted: \(term.name), in which the teacher is no worse without any softmax layer."
    }
  }
}

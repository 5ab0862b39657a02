/// A bound on one number, and whether it was kept.
public struct Verdict: Sendable, Equatable {
  /// A measure's name, see `EvaluationReport.value(of:)`.
  public var measure: String
  /// The least value that keeps the bound; nil for none.
  public var minimum: Double?
  /// The greatest value that keeps the bound; nil for none.
  public var maximum: Double?
  /// nil when it was not measured, which misses the bound.
  public var value: Double?
  /// Where the bound comes from, when it is not the recipe: "baseline runs/monday/results.json".
  public var origin: String?

  /// A bound and what was measured.
  public init(
    measure: String, minimum: Double?, maximum: Double?, value: Double?, origin: String? = nil
  ) {
    self.measure = measure
    self.minimum = minimum
    self.maximum = maximum
    self.value = value
    self.origin = origin
  }

  /// Whether the value lies within the bounds; false when it was not measured.
  public var isKept: Bool {
    guard let value else { return false }
    return value >= minimum ?? -.infinity && value <= maximum ?? .infinity
  }

  /// "at least 2", "at most 40", "2 to 40".
  public var bounds: String {
    switch (minimum, maximum) {
    case (let minimum?, let maximum?):
      "\(Figures.significant(minimum)) to \(Figures.significant(maximum))"
    case (let minimum?, nil): "at least \(Figures.significant(minimum))"
    case (nil, let maximum?): "at most \(Figures.significant(maximum))"
    case (nil, nil): "none"
    }
  }
}

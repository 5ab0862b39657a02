import Foundation
import Results

/// Maps values to pixels, and knows where ticks belong.
struct Scale {
  enum Kind { case linear, logarithmic }

  let kind: Kind
  /// Values at the ends of the axis.
  let domain: ClosedRange<Double>
  /// Pixels at the ends of the domain, in this order.
  let start: Double
  let end: Double
  let ticks: [Double]

  /// - Parameters:
  ///   - values: what has to fit; others than finite ones (and, on a logarithmic axis, positive
  ///     ones) are left out.
  ///   - count: about how many ticks there is room for.
  ///   - fixed: ticks to use as they are, thinned to `count`.
  ///   - includesZero: a linear axis starts at zero.
  init(
    _ kind: Kind, over values: [Double], from start: Double, to end: Double, ticks count: Int,
    fixed: [Double]? = nil, includesZero: Bool = false
  ) {
    self.start = start
    self.end = end
    let hasPlace = { (value: Double) in value.isFinite && (kind == .linear || value > 0) }
    let usable = (values + (fixed ?? [])).filter(hasPlace)
    let fixed = fixed?.filter(hasPlace)
    var low = usable.min() ?? 1
    var high = usable.max() ?? 10
    if kind == .linear {
      if includesZero {
        low = min(low, 0)
        high = max(high, 0)
      }
      if high - low <= abs(high) * 1e-9 {
        low -= max(abs(low) * 0.1, 0.5)
        high += max(abs(high) * 0.1, 0.5)
      }
      let step = Self.step(high - low, count)
      let first = (low / step + 1e-9).rounded(.down)
      let last = (high / step - 1e-9).rounded(.up)
      self.kind = .linear
      domain =
        fixed == nil ? first * step...last * step : low...high
      ticks = fixed ?? stride(from: first, through: last, by: 1).map { $0 * step }
    } else {
      if high / low < 1.05 {
        low /= 1.2
        high *= 1.2
      }
      let margin = fixed == nil ? pow(high / low, 0.05) : 1
      self.kind = .logarithmic
      domain = low / margin...high * margin
      ticks = fixed.map { Self.thinned($0, to: count) } ?? Self.decades(domain, count)
    }
  }

  func callAsFunction(_ value: Double) -> Double {
    let share: Double
    if kind == .linear {
      share = (value - domain.lowerBound) / (domain.upperBound - domain.lowerBound)
    } else {
      share = log(value / domain.lowerBound) / log(domain.upperBound / domain.lowerBound)
    }
    return start + share * (end - start)
  }

  /// Whether a value has a place on the axis.
  func shows(_ value: Double) -> Bool { value.isFinite && (kind == .linear || value > 0) }

  /// The step of 1, 2, 2.5 or 5 times a power of ten that gives about `count` ticks.
  private static func step(_ span: Double, _ count: Int) -> Double {
    let rough = span / Double(max(count - 1, 1))
    let power = pow(10, log10(rough).rounded(.down))
    return power * ([1, 2, 2.5, 5].first { $0 * power >= rough * 0.999 } ?? 10)
  }

  /// Powers of ten, with 2 and 5 or more between them where there is room.
  private static func decades(_ domain: ClosedRange<Double>, _ count: Int) -> [Double] {
    let exponents =
      Int(log10(domain.lowerBound).rounded(.down))...Int(log10(domain.upperBound).rounded(.up))
    let choices: [[Double]] = [[1, 1.5, 2, 3, 4, 5, 7], [1, 2, 3, 5], [1, 2, 5], [1, 3], [1]]
    for factors in choices {
      let ticks = exponents.flatMap { exponent in factors.map { $0 * pow(10, Double(exponent)) } }
        .filter(domain.contains)
      if ticks.count <= count + 1, ticks.count >= 2 { return ticks }
    }
    let powers = exponents.map { pow(10, Double($0)) }.filter(domain.contains)
    if powers.count >= 2 { return thinned(powers, to: count) }
    // A domain within two neighbouring ticks is nearly linear.
    let step = step(domain.upperBound - domain.lowerBound, count)
    let first = (domain.lowerBound / step).rounded(.up)
    return stride(from: first * step, through: domain.upperBound, by: step).map { $0 }
  }

  private static func thinned(_ ticks: [Double], to count: Int) -> [Double] {
    let stride = (ticks.count + count - 1) / max(count, 1)
    return stride <= 1
      ? ticks : ticks.enumerated().filter { $0.offset % stride == 0 }.map(\.element)
  }
}

/// What an axis measures and how its ticks are written.
struct AxisSpecification {
  var label: String
  var kind: Scale.Kind = .linear
  var includesZero = false
  /// Where ticks have to stand.
  var ticks: [Double]?
  var format: @Sendable (Double) -> String = Figures.tick
}

extension Figures {
  /// As short as a tick may be: `0.25`, `20`, `4,000`, `20M`.
  static func tick(_ value: Double) -> String {
    let size = abs(value)
    if size >= 1e9 { return shortest(value / 1e9) + "G" }
    if size >= 1e6 { return shortest(value / 1e6) + "M" }
    if size >= 1000, value == value.rounded() { return count(Int(value)) }
    return shortest(value)
  }

  private static func shortest(_ value: Double) -> String { String(format: "%.6g", value) }

  /// Context lengths: `512`, `4k` for 4,096, `1,000`.
  static func contextTick(_ value: Double) -> String {
    let length = Int(value)
    return length >= 1024 && length % 1024 == 0 ? "\(length / 1024)k" : count(length)
  }

  static func percentTick(_ value: Double) -> String {
    shortest((value * 1000).rounded() / 10) + " %"
  }

  static func byteTick(_ value: Double) -> String {
    let units: [(Double, String)] = [(1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")]
    for (size, unit) in units where value >= size { return shortest(value / size) + " \(unit)" }
    return shortest(value) + " B"
  }
}

import Foundation

/// Numbers as people read them.
public enum Figures {
  /// Four significant digits, never in powers of ten between 0.0001 and a million.
  public static func significant(_ value: Double) -> String {
    if !value.isFinite { return "\(value)" }
    let size = abs(value)
    if size >= 1000, size < 1e6 { return String(format: "%.0f", value) }
    return String(format: "%.4g", value)
  }

  /// Perplexities and ratios: three decimals, as papers and other tools print them; none from 1,000
  /// on.
  public static func decimals(_ value: Double) -> String {
    if abs(value) < 1000 { return String(format: "%.3f", value) }
    return abs(value) < 1e6 ? count(Int(value.rounded())) : significant(value)
  }

  /// `87.3 %`.
  public static func percent(_ share: Double) -> String {
    share.isFinite ? String(format: "%.1f %%", share * 100) : "\(share)"
  }

  /// A factor: `1.53 times`.
  public static func times(_ ratio: Double) -> String {
    ratio < 100 ? String(format: "%.2f times", ratio) : "\(significant(ratio)) times"
  }

  /// Task scores: four decimals, as lm-eval prints them; four digits from 1,000 on.
  public static func score(_ value: Double) -> String {
    abs(value) < 1000 ? String(format: "%.4f", value) : significant(value)
  }

  /// `1 task`, `1,024 tasks`.
  public static func plural(_ value: Int, _ noun: String) -> String {
    "\(count(value)) \(noun)\(value == 1 ? "" : "s")"
  }

  /// Decimal units: `512 bytes`, `1.23 GB`.
  public static func bytes(_ count: Int) -> String {
    let units = ["kB", "MB", "GB", "TB", "PB"]
    if count < 1000 { return "\(count) bytes" }
    var value = Double(count) / 1000
    var unit = 0
    while value >= 999.5, unit + 1 < units.count {
      value /= 1000
      unit += 1
    }
    return String(format: value < 10 ? "%.2f" : value < 100 ? "%.1f" : "%.0f", value)
      + " \(units[unit])"
  }

  /// With the thousands set apart: `1,024`.
  public static func count(_ value: Int) -> String {
    let digits = String(abs(value))
    var groups: [Substring] = []
    var rest = digits[...]
    while rest.count > 3 {
      groups.append(rest.suffix(3))
      rest = rest.dropLast(3)
    }
    groups.append(rest)
    return (value < 0 ? "-" : "") + groups.reversed().joined(separator: ",")
  }

  /// Tokens a second.
  public static func rate(_ value: Double) -> String {
    if !value.isFinite { return "\(value)" }
    return value < 100 ? String(format: "%.1f", value) : count(Int(value.rounded()))
  }

  /// `45.2 s`, `3 min 05 s`, `2 h 07 min`.
  public static func duration(_ seconds: Double) -> String {
    if seconds < 60 { return String(format: "%.1f s", seconds) }
    let whole = Int(seconds.rounded())
    if whole < 3600 { return String(format: "%d min %02d s", whole / 60, whole % 60) }
    return String(format: "%d h %02d min", whole / 3600, whole / 60 % 60)
  }
}

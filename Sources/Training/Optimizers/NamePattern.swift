import Documents

/// A pattern of parameter names, `*` standing for any characters, none included.
public struct NamePattern: Sendable, Equatable, CustomStringConvertible {
  /// The pattern as it was written.
  public let description: String
  private let parts: [Substring]

  /// A pattern; every `*` stands for any characters, none included.
  public init(_ text: String) {
    description = text
    parts = text.split(separator: "*", omittingEmptySubsequences: false)
  }

  /// Whether the whole name is of this pattern.
  public func matches(_ name: String) -> Bool {
    guard parts.count > 1 else { return name == description }
    guard name.hasPrefix(parts.first!) else { return false }
    var rest = name.dropFirst(parts.first!.count)
    // The earliest place of every middle part leaves the most for those after it.
    for part in parts.dropFirst().dropLast() where !part.isEmpty {
      guard let found = rest.firstRange(of: part) else { return false }
      rest = rest[found.upperBound...]
    }
    return rest.hasSuffix(parts.last!)
  }
}

extension DocumentReader {
  /// A list of patterns.
  ///
  /// - Parameter fallback: stands for a list that is not given; nil makes it required.
  public func namePatterns(
    _ key: String, default fallback: [String]? = ["*"], _ description: String
  ) -> [NamePattern] {
    let texts = strings(key, default: fallback, description)
    if texts.isEmpty ? fallback != nil || isGiven(key) : texts.contains("") {
      report(key, "has nothing to match; expected patterns such as \"*.self_attn.*\"")
    }
    return texts.map { NamePattern($0) }
  }
}

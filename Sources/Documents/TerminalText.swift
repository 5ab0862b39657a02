/// Text of any origin on a terminal.
public enum TerminalText {
  /// Without what a terminal obeys: control characters, but for line ends and tabs, and marks that turn
  /// the order of writing. They stand there as `\u{1B}`. Names in files could else move the cursor, and
  /// write over what was said before.
  public static func visible(_ text: String) -> String {
    if text.unicodeScalars.allSatisfy({ !isObeyed($0) }) { return text }
    var result = ""
    for scalar in text.unicodeScalars {
      if isObeyed(scalar) {
        result += "\\u{\(String(scalar.value, radix: 16, uppercase: true))}"
      } else {
        result.unicodeScalars.append(scalar)
      }
    }
    return result
  }

  private static func isObeyed(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x09, 0x0A: false
    case 0..<0x20, 0x7F..<0xA0, 0x202A...0x202E, 0x2066...0x2069: true
    default: false
    }
  }
}

/// Text of any origin in Markdown: names of models and tasks must not become headings, rows, links or
/// HTML of a report.
enum Markdown {
  /// One line in which nothing is markup that could lead elsewhere.
  static func line(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\n", "\r": result += " "
      case "<": result += "&lt;"
      case "[": result += "\\["
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }

  /// The same for a cell of a table.
  static func cell(_ text: String) -> String { line(text).replacing("|", with: "\\|") }
}

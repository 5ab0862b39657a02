/// Rows of text under headings: aligned for a terminal, or as Markdown.
public struct TextTable: Sendable {
  let headings: [String]
  private(set) var rows: [[String]] = []

  /// A table without rows; the headings name its columns.
  public init(_ headings: [String]) { self.headings = headings }

  /// Adds a row, which has a cell for every heading.
  public mutating func append(_ row: [String]) {
    precondition(row.count == headings.count, "\(row.count) cells under \(headings.count) headings")
    rows.append(row)
  }

  /// Whether there is no row.
  public var isEmpty: Bool { rows.isEmpty }

  /// The first column to the left, numbers to the right.
  public var terminal: String {
    let widths = headings.indices.map { column in
      ([headings] + rows).map { $0[column].count }.max() ?? 0
    }
    let rule = widths.map { String(repeating: "-", count: $0) }
    return ([headings, rule] + rows).map { row in
      var line = zip(row, widths).enumerated().map { column, cell in
        let space = String(repeating: " ", count: cell.1 - cell.0.count)
        return column == 0 ? cell.0 + space : space + cell.0
      }.joined(separator: "  ")
      while line.last == " " { line.removeLast() }
      return line + "\n"
    }.joined()
  }

  /// The table as Markdown, numbers to the right.
  public var markdown: String {
    let alignment = headings.indices.map { $0 == 0 ? "---" : "---:" }
    return ([headings, alignment] + rows).map { row in
      return "| " + row.map(Markdown.cell).joined(separator: " | ") + " |\n"
    }.joined()
  }
}

import Results

extension EvaluationReport {
  /// What one step of a GitHub workflow may write at most, bytes: more aborts the upload.
  public static let stepSummaryLimit = 1024 * 1024

  /// Markdown for `$GITHUB_STEP_SUMMARY`: the report; when it is too long, without its recipe and
  /// then cut at a heading or a line, with a pointer to the whole.
  ///
  /// - Parameters:
  ///   - pointer: where the whole report lies, named when this one is cut.
  ///   - limit: UTF-8 bytes at most, less what stands in the file already. Without room for the
  ///     pointer the text is empty.
  public func stepSummary(
    pointer: String = "report.md", limit: Int = EvaluationReport.stepSummaryLimit
  ) -> String {
    let whole = markdown
    if whole.utf8.count <= limit { return whole }
    var withoutRecipe = self
    withoutRecipe.recipe = nil
    return Self.shortened(withoutRecipe.markdown, pointer: pointer, limit: limit)
  }

  static func shortened(_ text: String, pointer: String, limit: Int) -> String {
    let note = "\n*Shortened to \(Figures.bytes(limit)): the whole report is in `\(pointer)`.*\n"
    if note.utf8.count > limit { return "" }
    if text.utf8.count + note.utf8.count <= limit { return text + note }
    var kept = 0
    var size = 0
    var lastHeading = 0
    var openFence: Substring?
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    for (index, line) in lines.enumerated() {
      if openFence == nil, line.hasPrefix("## ") { lastHeading = index }
      let fence = line.prefix { $0 == "`" }
      if let open = openFence {
        if fence == open, line == fence { openFence = nil }
      } else if fence.count >= 3 {
        openFence = fence
      }
      size += line.utf8.count + 1
      if size + note.utf8.count > limit { break }
      kept = index + 1
    }
    // Half a table still reads; half a code block would swallow the pointer.
    let end = openFence == nil && kept > 0 ? kept : lastHeading
    return lines[..<end].map { $0 + "\n" }.joined() + note
  }
}

import Results

extension EvaluationReport {
  /// What a model card says of an evaluation: the verdict and the rows of text, tasks and recall.
  /// Empty when none of these was measured.
  public var cardMarkdown: String {
    let tables = [
      textVariants.isEmpty ? nil : ablationTable, taskTable(errorsOf: ModelVariant.allCases),
      recallTable,
    ].compactMap(\.self).filter { !$0.isEmpty }
    if tables.isEmpty { return "" }
    let sentences = [headline, linearShare?.sentence, recallSentence].compactMap(\.self)
    return (sentences + tables.map { String($0.markdown.dropLast()) }).map { $0 + "\n" }
      .joined(separator: "\n")
  }
}

import Documents
import Students

extension Recipe {
  /// A student may be made for sequences shorter than those it is to be trained and measured on, and
  /// the data's budget for shorter ones than a stage asks for.
  func reportLengths(to reader: DocumentReader) {
    let data = ("data.sequenceLength", data.packing.sequenceLength)
    let stages = stages.compactMap { stage in
      stage.specification.sequenceLength.map { ("stages[\(stage.index)].sequenceLength", $0) }
    }
    if let maximum = student?.mixer.maximumLength {
      for (path, length) in [data] + stages where length > maximum {
        reader.report(
          "student.featureMap.maximumLength",
          "found \(maximum), expected at least the \(length) tokens of \(path)")
      }
    }
    if let tokens = self.data.packing.maximumTokens {
      for (path, length) in stages where length > tokens {
        reader.report(
          path, "found \(length), expected at most the \(tokens) tokens of data.maximumTokens")
      }
    }
  }
}

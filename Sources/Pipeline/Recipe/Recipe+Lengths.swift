import Documents
import Students

extension Recipe {
  /// A student may be made for sequences shorter than those it is to be trained and measured on.
  static func reportLength(
    of student: StudentSpecification?, sequenceLength: Int, to reader: DocumentReader
  ) {
    guard let maximum = student?.mixer.maximumLength, sequenceLength > maximum else { return }
    reader.report(
      "student.featureMap.maximumLength",
      "found \(maximum), expected at least the \(sequenceLength) tokens of data.sequenceLength")
  }
}

import Models

extension LoadedModel {
  /// A recipe's teacher: a checkpoint, or a new model of random weights.
  ///
  /// - Parameter drawsWeights: false leaves a new model's weights empty, for sizes alone.
  /// - Throws: as `open`, and `ModelError` for a tokenizer that does not fit.
  static func open(_ teacher: TeacherSpecification, seed: UInt64, drawsWeights: Bool = true) throws
    -> LoadedModel
  {
    guard let document = teacher.configuration else {
      return try open(teacher.path!, adapter: teacher.adapter)
    }
    return try new(
      document, tokenizerFolder: teacher.tokenizer, location: "teacher.configuration", seed: seed,
      drawsWeights: drawsWeights)
  }
}

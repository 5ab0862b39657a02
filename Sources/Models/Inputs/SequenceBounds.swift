import Transformers

/// Lengths that a model can read.
package enum SequenceBounds {
  /// - Throws: `InputError` for sequences beyond learned positions, and beyond what the student's
  ///   feature map was made for; others have no end.
  package static func check(_ length: Int, _ model: LoadedModel, _ path: String) throws {
    if let limit = model.decoder.lengthLimit, length > limit.tokens {
      throw InputError(
        path, nil,
        "sequences of \(length) tokens, but \(model.location) has \(limit.reason); give shorter ones"
      )
    }
  }
}

import Transformers

/// Lengths that a model can read.
enum SequenceBounds {
  /// - Throws: `InputError` for sequences beyond learned positions; rotary ones have no end.
  static func check(_ length: Int, _ model: LoadedModel, _ path: String) throws {
    let configuration = model.decoder.configuration
    if configuration.positions == .learned, length > configuration.maximumPositions {
      throw InputError(
        path, nil,
        "sequences of \(length) tokens, but \(model.location) has learned "
          + "\(configuration.maximumPositions) positions; give shorter ones")
    }
  }
}

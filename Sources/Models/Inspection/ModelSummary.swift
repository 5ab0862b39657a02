import Documents
import Operations
import Transformers

/// A model's sizes in a few lines.
struct ModelSummary {
  let lines: [(name: String, value: String)]

  /// - Parameter document: `config.json`.
  init(configuration document: JSONValue, location: String) {
    do {
      let configuration = try TeacherFamilies.read(document, location: location)
        .architecture.configuration
      lines = Self.lines(configuration)
    } catch {
      // An inspection tells what is there, also of a model that cannot be run.
      lines = [("cannot be run", "\(error)")]
    }
  }

  private static func lines(_ model: DecoderConfiguration) -> [(name: String, value: String)] {
    let attention = model.attention
    var lines = [
      (name: "family", value: model.family),
      ("layers", "\(model.layers)"),
      ("hidden size", "\(model.hiddenSize)"),
      (
        "attention",
        "\(attention.queryHeads) query heads, \(attention.keyValueHeads) key-value heads of \(attention.headDim)"
      ),
      (
        "feed-forward",
        "\(model.intermediateSize)\(model.feedForward.matrices == 3 ? ", gated" : "")"
      ),
      ("vocabulary", "\(model.vocabularySize)\(model.tiesHead ? ", head tied to embedding" : "")"),
      ("positions", "\(model.maximumPositions), \(positions(model.positions))"),
    ]
    if let window = model.slidingWindows.compactMap({ $0 }).first {
      lines.append(("sliding window", "\(window)"))
    }
    return lines
  }

  private static func positions(_ positions: DecoderConfiguration.Positions) -> String {
    switch positions {
    case .rotary: "rotary"
    case .learned: "learned"
    }
  }
}

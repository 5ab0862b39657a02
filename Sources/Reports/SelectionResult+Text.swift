import Results

extension SelectionResult {
  /// The choice, and what it keeps of the teacher before any training.
  public var sentence: String {
    let listed = chosen.map(String.init)
    let names =
      listed.count < 2
      ? listed.joined() : listed.dropLast().joined(separator: ", ") + " and " + listed.last!
    let models = [("teacher", teacher), ("chosen", outcome), ("no softmax", without)]
    let facts = Measures.shown.compactMap { name, format, path -> String? in
      let values = models.compactMap { model, measures in
        measures[keyPath: path].map { "\(model) \(format($0))" }
      }
      return values.isEmpty ? nil : "\(name): \(values.joined(separator: ", "))"
    }
    let choice =
      chosen.isEmpty
      ? "No layer keeps softmax."
      : "\(chosen.count == 1 ? "Layer" : "Layers") \(names) of \(layers) "
        + "\(chosen.count == 1 ? "keeps" : "keep") softmax, chosen without training."
    return facts.isEmpty ? choice : "\(choice) \(facts.joined(separator: "; "))."
  }

  /// A row a layer, by what is lost without it.
  var table: TextTable {
    let first = rounds.first?.candidates ?? []
    var table = TextTable([
      "layer", "lost without it", "left when restored", "KL without it, nats",
      "recall's loss, nats", "passkey's loss, nats", "chosen",
    ])
    for candidate in removed {
      let restored = first.first { $0.layer == candidate.layer }
      let place = rounds.firstIndex { $0.chosen == candidate.layer }
      let measures = candidate.measures
      table.append(
        ["\(candidate.layer)", Figures.percent(candidate.cost)]
          + [restored.map { Figures.percent($0.cost) } ?? ""]
          + [measures.divergence, measures.recallLoss, measures.passkeyLoss].map {
            $0.map(Figures.decimals) ?? ""
          } + [place.map { "\($0 + 1)." } ?? ""])
    }
    return table
  }
}

extension SelectionResult.Measures {
  /// Measures that are told in words.
  static let shown:
    [(name: String, format: @Sendable (Double) -> String, path: KeyPath<Self, Double?> & Sendable)] =
      [
        ("KL beyond the window, nats", Figures.decimals, \.divergence),
        ("associative recall", Figures.percent, \.recall),
        ("passkey tokens", Figures.percent, \.passkey),
      ]
}

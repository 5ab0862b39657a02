import Foundation
import Results

/// Sections on how close the student's attention is to the teacher's.
extension EvaluationReport {
  /// How close the predictions are; nil where nothing is predicted.
  private var predictionSentence: String? {
    guard let fidelity, let agreement = fidelity.topAgreement,
      let divergence = fidelity.logitDivergence
    else { return nil }
    return "Teacher and student hold the same token most probable for "
      + "\(Figures.percent(agreement)) of \(Figures.count(fidelity.tokens)) tokens; "
      + "the student's next-token distribution is \(Figures.significant(divergence)) "
      + "nats (KL) from the teacher's."
  }

  var fidelitySection: SectionView? {
    guard let fidelity, !fidelity.layers.isEmpty else { return nil }
    var section = SectionView(
      id: "fidelity", heading: "Fidelity, layer by layer",
      lead: predictionSentence ?? "On \(Figures.count(fidelity.tokens)) tokens.")
    for sentence in [fidelity.positionSentence, fidelity.agreementSentence].compactMap(\.self) {
      section.append(paragraph: sentence)
    }
    section.append(
      paragraph: "Each head's attention on the teacher's own activations: a dot is a head, a dash "
        + "the layer's mean.")
    section.append(
      figures: [
        FigureView(
          strip("relative error of the output", fidelity, \.relativeError), id: "relative-error",
          caption: "Relative error of the output",
          detail: "squared error over the teacher's mean square",
          width: 940),
        FigureView(
          strip("KL, nats a row", fidelity, \.divergence), id: "divergence",
          caption: "Divergence of attention", detail: "KL of the student's rows from the teacher's",
          width: 940),
      ])
    section.append(figures: [
      FigureView(
        HeatGrid(
          title: "KL of attention by layer and head",
          description: extremes(fidelity, \.divergence), label: "KL, nats a row",
          layers: fidelity.layers.map(\.index),
          values: fidelity.layers.map { $0.heads.map(\.divergence) }),
        id: "heads", caption: "Every head",
        detail: fidelity.maps.isEmpty ? nil : "with scripts on, a cell leads to its map")
    ])
    appendFar(fidelity, to: &section)
    section.append(
      details: "Numbers by layer",
      table: TableView(fidelityTable, caption: "Means over the heads of each converted layer"))
    if transferLoss != nil || !transferLossByLayer.isEmpty {
      var table = TextTable(["layer", "transfer loss"])
      for (layer, loss) in transferLossByLayer.enumerated() {
        table.append(["\(layer)", loss.map(Figures.significant) ?? "keeps softmax"])
      }
      let mean = transferLoss.map { ", mean \(Figures.significant($0))" } ?? ""
      section.append(
        details: "Transfer loss by layer\(mean)",
        table: TableView(table, caption: "Attention transfer's loss on the test sequences"))
    }
    return section
  }

  static let farMeaning =
    "Of keys that have left the window. Weights: their share of attention. Outputs: how far outputs are "
    + "from those of the window alone, over the outputs' own size. A student far below its teacher "
    + "does not use what it remembers."

  /// What the student makes of keys beyond its window, beside its teacher.
  private func appendFar(_ fidelity: FidelityResult, to section: inout SectionView) {
    let layers = fidelity.layers.filter { $0.farMean != nil }
    if layers.isEmpty { return }
    let grid = { (who: String, value: KeyPath<FidelityResult.FarShare, Double>) in
      let values = layers.map { $0.heads.map { $0.far.map { $0[keyPath: value] } ?? .nan } }
      return FigureView(
        HeatGrid(
          title: "What keys beyond the window change of the \(who)'s outputs",
          description: Self.farMeaning, label: "share of the output",
          layers: layers.map(\.index), values: values),
        id: "far-\(who)", caption: "Beyond the window: \(who)",
        detail: "what these keys change of each head's output")
    }
    section.append(paragraph: Self.farMeaning)
    section.append(figures: [grid("teacher", \.teacherOutput), grid("student", \.studentOutput)])
    section.append(
      details: "Beyond the window, by layer",
      table: TableView(farTable, caption: "Means over the heads of each converted layer"))
  }

  private func strip(
    _ label: String, _ fidelity: FidelityResult, _ path: KeyPath<FidelityResult.Head, Double>
  ) -> StripChart {
    StripChart(
      title: "\(label) by layer", description: extremes(fidelity, path),
      label: label + ", logarithmic",
      columns: fidelity.layers.filter { !$0.heads.isEmpty }.map {
        .init(index: $0.index, values: $0.heads.map { $0[keyPath: path] })
      })
  }

  private func extremes(
    _ fidelity: FidelityResult, _ path: KeyPath<FidelityResult.Head, Double>
  ) -> String {
    let all = fidelity.layers.flatMap { layer in
      layer.heads.enumerated().map {
        (layer: layer.index, head: $0.offset, value: $0.element[keyPath: path])
      }
    }.filter { $0.value.isFinite }.sorted { $0.value < $1.value }
    guard let low = all.first, let high = all.last else { return "No head was measured." }
    let middle = all[all.count / 2].value
    return "From \(Figures.significant(low.value)) (layer \(low.layer), head \(low.head)) to "
      + "\(Figures.significant(high.value)) (layer \(high.layer), head \(high.head)), "
      + "half of the heads below \(Figures.significant(middle))."
  }

  /// - Parameter bytes: what the embedded maps may take; 0 leaves the section out.
  func mapsSection(bytes: Int) -> SectionView? {
    guard let fidelity, bytes > 0 else { return nil }
    let selection = AttentionMapSelection(fidelity, bytes: bytes)
    guard let first = selection.maps.first else { return nil }
    var section = SectionView(
      id: "attention", heading: "Attention maps",
      lead: "Where each query looks, before and after: rows are queries, from the top down; "
        + "columns are keys, from left to right, over \(Figures.count(first.map.tokens)) tokens.")
    section.blocks.append(BlockView(maps: selection.view))
    if let omitted = selection.omittedSentence { section.append(paragraph: omitted) }
    return section
  }
}

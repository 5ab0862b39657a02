import Foundation
import Results

/// Layers by heads, darker where the number is larger, on a logarithmic scale.
struct HeatGrid: Chart {
  var title: String
  var description: String
  var label: String
  /// `values[row][head]` of the layer `layers[row]`; rows may differ in length.
  var layers: [Int]
  var values: [[Double]]

  func draw(width: Double, isNarrow: Bool) -> (svg: SVG, height: Double) {
    let heads = values.map(\.count).max() ?? 0
    let (columns, rows) = isNarrow ? (heads, layers.count) : (layers.count, heads)
    let left = 42.0
    let top = 64.0
    let size = min((width - left - 4) / Double(max(columns, 1)), isNarrow ? 30 : 44)
    let height = isNarrow ? min(size, 16) : max(min(size, 22), 8)
    var svg = SVG()
    drawKey(&svg)
    svg.text(isNarrow ? "head" : "layer", left, top - 24, class: "label")
    for column in 0..<columns {
      let name = isNarrow ? column : layers[column]
      let every = [1, 2, 5, 10, 20].first { size * Double($0) >= 24 } ?? 50
      guard name % every == 0 else { continue }
      svg.text(
        "\(name)", left + size * (Double(column) + 0.5), top - 7, .middle, class: "tick")
    }
    for row in 0..<rows {
      let name = isNarrow ? layers[row] : row
      let every = [1, 2, 5, 10].first { height * Double($0) >= 14 } ?? 20
      guard name % every == 0 else { continue }
      svg.text(
        "\(name)", left - 7, top + height * (Double(row) + 0.5) + 4, .end, class: "tick")
    }
    svg.text(isNarrow ? "layer" : "head", 0, top - 7, class: "label")
    let scale = self.scale
    for row in 0..<rows {
      for column in 0..<columns {
        let (layer, head) = isNarrow ? (row, column) : (column, row)
        guard values[layer].indices.contains(head) else { continue }
        let value = values[layer][head]
        svg.rectangle(
          left + size * Double(column), top + height * Double(row), size - 1, height - 1,
          class: "heat", opacity: scale(value),
          title: isNarrow
            ? nil
            : "layer \(layers[layer]), head \(head): \(label) \(Figures.significant(value))")
      }
    }
    return (svg, top + height * Double(rows) + 4)
  }

  private var range: (low: Double, high: Double) {
    let usable = values.joined().filter { $0.isFinite && $0 > 0 }
    let low = usable.min() ?? 1
    return (low, max(usable.max() ?? 1, low * 1.0001))
  }

  /// Opacity of a value; what is no number is left blank.
  private var scale: (Double) -> Double {
    let (low, high) = range
    return { value in
      if !value.isFinite { return 0 }
      if value <= 0 { return 0.06 }
      return 0.06 + 0.94 * log(value / low) / log(high / low)
    }
  }

  private func drawKey(_ svg: inout SVG) {
    let (low, high) = range
    let names = (Figures.significant(low), Figures.significant(high))
    var x = 0.0
    svg.text("\(label):", x, 12, class: "label")
    x += SVG.width(of: label) + 14
    svg.text(names.0, x, 12, class: "tick")
    x += SVG.width(of: names.0) + 6
    for step in 0..<6 {
      svg.rectangle(
        x + Double(step) * 14, 2, 13, 11, class: "heat", opacity: 0.06 + 0.94 * Double(step) / 5)
    }
    svg.text(names.1, x + 6 * 14 + 6, 12, class: "tick")
  }
}

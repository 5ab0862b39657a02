import Foundation
import Results

/// A column for each layer: a dot for each head, a dash for their mean.
struct StripChart: Chart {
  struct Column {
    var index: Int
    var values: [Double]
    var mean: Double { values.reduce(0, +) / Double(values.count) }
  }

  var title: String
  var description: String
  var label: String
  var columns: [Column]

  func draw(width: Double, isNarrow: Bool) -> (svg: SVG, height: Double) {
    let top = 28.0
    let bottom = isNarrow ? 190.0 : 212
    let axis = AxisSpecification(label: label, kind: .logarithmic)
    let vertical = Scale(
      .logarithmic, over: columns.flatMap { $0.values + [$0.mean] }, from: bottom, to: top,
      ticks: 5)
    let left = (vertical.ticks.map { SVG.width(of: axis.format($0)) }.max() ?? 0) + 12
    let right = width - 8
    let space = (right - left) / Double(max(columns.count, 1))
    let center = { (position: Int) in left + space * (Double(position) + 0.5) }

    var svg = SVG()
    svg.leftAxis(vertical, axis, from: left, to: right)
    svg.text(label, 0, 13, class: "label")
    svg.line(left, bottom, right, bottom, class: "axis")
    let every = [1, 2, 5, 10, 20, 50].first { space * Double($0) >= 30 } ?? 100
    for (position, column) in columns.enumerated() where column.index % every == 0 {
      svg.text("\(column.index)", center(position), bottom + 18, .middle, class: "tick")
    }
    svg.text("layer", (left + right) / 2, bottom + 38, .middle, class: "label")
    // Round ends of lines without length are dots, in a twentieth of a circle's text.
    var dots = ""
    for (position, column) in columns.enumerated() {
      for value in column.values where vertical.shows(value) {
        dots += "M\(SVG.pair(center(position), vertical(value)))h0"
      }
    }
    svg.path(dots, class: "heads")
    let half = min(max(space * 0.38, 1.5), 10)
    for (position, column) in columns.enumerated() where vertical.shows(column.mean) {
      let y = vertical(column.mean)
      svg.path(
        "M\(SVG.pair(center(position) - half, y))h\(SVG.number(2 * half))", class: "mean",
        title: "layer \(column.index): mean \(Figures.significant(column.mean))")
    }
    return (svg, bottom + 48)
  }
}

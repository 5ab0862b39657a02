import Results

/// Rows of dots with error bars on one axis: few numbers, compared exactly.
struct DotChart: Chart {
  struct Dot {
    var name: String
    var style: SeriesStyle
    var value: Double
    var low: Double?
    var high: Double?
    /// Drawn small, without its bar.
    var isMinor = false
  }

  struct Row {
    var label: String
    var dots: [Dot]
    /// Written at the row's end.
    var value: String = ""
    /// A tick that stands for chance.
    var reference: Double?
  }

  var title: String
  var description: String
  var axis: AxisSpecification
  var rows: [Row]
  /// Where a vertical line stands, and what it says.
  var rule: (value: Double, label: String)?
  var legend: [(name: String, style: SeriesStyle)] = []

  func draw(width: Double, isNarrow: Bool) -> (svg: SVG, height: Double) {
    let labels = rows.map { SVG.width(of: $0.label) }.max() ?? 0
    let values = rows.map { SVG.width(of: $0.value) }.max() ?? 0
    let left = isNarrow ? 8 : labels + 18
    let right = width - (values > 0 ? values + 12 : 14)
    let most = rows.map { row in row.dots.filter { !$0.isMinor }.count }.max() ?? 1
    let rowHeight = max(8 * Double(most) + 14, isNarrow ? 26 : 32) + (isNarrow ? 18 : 0)
    let top = (rule?.label ?? "").isEmpty ? 10.0 : 26
    let bottom = top + rowHeight * Double(rows.count)
    let numbers =
      rows.flatMap { row in
        row.dots.flatMap { [$0.value] + ($0.isMinor ? [] : [$0.low, $0.high].compactMap(\.self)) }
          + [row.reference].compactMap(\.self)
      } + [rule?.value].compactMap(\.self)
    let scale = Scale(
      axis.kind, over: numbers, from: left, to: right, ticks: max(3, Int((right - left) / 70)),
      fixed: axis.ticks, includesZero: axis.includesZero)

    var svg = SVG()
    for tick in scale.ticks { svg.line(scale(tick), top, scale(tick), bottom, class: "grid") }
    svg.bottomAxis(scale, axis, at: bottom, label: axis.label)
    // On a phone the rule would cross the rows' labels.
    if let rule, !isNarrow {
      let x = scale(rule.value)
      svg.line(x, top - 4, x, bottom, class: "rule")
      let isLate = x > (left + right) / 2
      svg.text(
        rule.label, isLate ? x : max(x, left), top - 10, isLate ? .end : .start, class: "note")
    }
    for (index, row) in rows.enumerated() {
      let start = top + rowHeight * Double(index)
      let middle = start + (isNarrow ? (rowHeight + 18) / 2 : rowHeight / 2)
      if isNarrow {
        svg.text(row.label, 8, start + 15, class: "row")
      } else {
        svg.text(row.label, left - 14, middle + 4, .end, class: "row")
      }
      svg.line(left, middle, right, middle, class: "lane")
      if let reference = row.reference, scale.shows(reference) {
        svg.line(
          scale(reference), middle - 8, scale(reference), middle + 8, class: "reference")
      }
      // Bars of dots that are compared stand under each other, and above the small ones.
      for dot in row.dots where dot.isMinor && scale.shows(dot.value) {
        draw(dot, middle, scale, &svg)
      }
      let lanes = row.dots.filter { !$0.isMinor }
      for (place, dot) in lanes.enumerated() where scale.shows(dot.value) {
        draw(dot, middle + 8 * (Double(place) - Double(lanes.count - 1) / 2), scale, &svg)
      }
      if !row.value.isEmpty { svg.text(row.value, width - 2, middle + 4, .end, class: "value") }
    }
    return (svg, bottom + 48)
  }

  private func draw(_ dot: Dot, _ y: Double, _ scale: Scale, _ svg: inout SVG) {
    svg.group(class: dot.style.classes + (dot.isMinor ? " minor" : "")) { svg in
      if !dot.isMinor, let low = dot.low, let high = dot.high, scale.shows(low) {
        svg.line(scale(low), y, scale(high), y, class: "error")
      }
      svg.mark(
        dot.style.shape, scale(dot.value), y,
        title: "\(dot.name): \(Figures.significant(dot.value))")
    }
  }
}

/// A chart that can be drawn at two widths: beside text on a desk, and on a phone.
protocol Chart {
  /// What it shows, and what is to be seen in it, for those who do not see it.
  var title: String { get }
  var description: String { get }
  /// Series by name, for a legend; empty when the chart names them itself.
  var legend: [(name: String, style: SeriesStyle)] { get }

  /// Its contents and height, pixels.
  func draw(width: Double, isNarrow: Bool) -> (svg: SVG, height: Double)
}

extension Chart {
  var legend: [(name: String, style: SeriesStyle)] { [] }

  /// Two drawings of one chart, of which the style sheet shows the one that fits.
  ///
  /// - Parameter width: of the wide one, pixels.
  func elements(id: String, width: Double) -> String {
    [("wide", width, false), ("narrow", 344, true)].map { name, width, isNarrow in
      let (svg, height) = draw(width: width, isNarrow: isNarrow)
      return svg.element(
        id: "\(id)-\(name)", class: name, width: width, height: height, title: title,
        description: description)
    }.joined(separator: "\n")
  }
}

extension SVG {
  /// Horizontal grid lines with their labels on the left.
  mutating func leftAxis(
    _ scale: Scale, _ axis: AxisSpecification, from left: Double, to right: Double
  ) {
    for tick in scale.ticks {
      let y = scale(tick)
      line(left, y, right, y, class: tick == 0 ? "axis" : "grid")
      text(axis.format(tick), left - 8, y + 4, .end, class: "tick")
    }
  }

  /// Ticks below the plot.
  mutating func bottomAxis(
    _ scale: Scale, _ axis: AxisSpecification, at bottom: Double, label: String
  ) {
    line(scale.start, bottom, scale.end, bottom, class: "axis")
    for tick in scale.ticks where scale.domain.contains(tick) || axis.ticks != nil {
      let x = scale(tick)
      line(x, bottom, x, bottom + 4, class: "axis")
      text(axis.format(tick), x, bottom + 18, .middle, class: "tick")
    }
    text(label, (scale.start + scale.end) / 2, bottom + 38, .middle, class: "label")
  }

  /// Moves labels apart until none overlaps its neighbour, keeping their order.
  static func apart(_ positions: [Double], by distance: Double, within range: ClosedRange<Double>)
    -> [Double]
  {
    let order = positions.indices.sorted { positions[$0] < positions[$1] }
    var placed = order.map { positions[$0] }
    for index in placed.indices.dropFirst() {
      placed[index] = max(placed[index], placed[index - 1] + distance)
    }
    if let last = placed.last, last > range.upperBound {
      placed[placed.count - 1] = range.upperBound
      for index in placed.indices.dropLast().reversed() {
        placed[index] = min(placed[index], placed[index + 1] - distance)
      }
    }
    var result = positions
    for (index, original) in order.enumerated() { result[original] = placed[index] }
    return result
  }
}

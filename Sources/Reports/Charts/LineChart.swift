import Results

/// Lines over a linear or logarithmic plane, named at their ends where there is room.
struct LineChart: Chart {
  struct Point {
    var x: Double
    var y: Double
    /// Half the length of a vertical bar.
    var error: Double?
  }

  struct Series {
    var name: String
    var style: SeriesStyle
    var points: [Point]
    /// Few points are marked each; many are a line.
    var showsMarks = true
  }

  struct Rule {
    var x: Double
    var label: String
  }

  var title: String
  var description: String
  var x: AxisSpecification
  var y: AxisSpecification
  var series: [Series]
  var rules: [Rule] = []
  var height = 300.0

  /// For the narrow drawing alone: the wide one names lines at their ends.
  var legend: [(name: String, style: SeriesStyle)] {
    series.count < 2 ? [] : series.map { ($0.name, $0.style) }
  }

  func draw(width: Double, isNarrow: Bool) -> (svg: SVG, height: Double) {
    let labelsEnds = !isNarrow && series.count > 1
    let names = labelsEnds ? series.map { SVG.width(of: $0.name) } : []
    let points = series.flatMap(\.points)
    let top = 31.0
    let bottom = (isNarrow ? min(height, 250) : height) - 48
    let vertical = Scale(
      y.kind,
      over: points.flatMap { [$0.y - ($0.error ?? 0), $0.y, $0.y + ($0.error ?? 0)] },
      from: bottom, to: top, ticks: isNarrow ? 5 : 6, fixed: y.ticks,
      includesZero: y.includesZero)
    let left = (vertical.ticks.map { SVG.width(of: y.format($0)) }.max() ?? 0) + 12
    let right = width - (names.max().map { $0 + 22 } ?? 14)
    let horizontal = Scale(
      x.kind, over: points.map(\.x) + rules.map(\.x), from: left, to: right,
      ticks: max(3, Int((right - left) / 46)), fixed: x.ticks)

    var svg = SVG()
    svg.leftAxis(vertical, y, from: left, to: right)
    svg.text(y.label, 0, 11, class: "label")
    svg.bottomAxis(horizontal, x, at: bottom, label: x.label)
    for rule in rules {
      let place = horizontal(rule.x)
      svg.line(place, top, place, bottom, class: "rule")
      let isLate = place > (left + right) / 2
      svg.text(
        rule.label, place + (isLate ? -6 : 6), top + 10, isLate ? .end : .start, class: "note")
    }
    var ends: [Double] = []
    for line in series {
      let shown = line.points.filter { horizontal.shows($0.x) && vertical.shows($0.y) }
      ends.append(shown.last.map { vertical($0.y) } ?? bottom)
      svg.group(class: line.style.classes) {
        Self.draw(line, shown, horizontal, vertical, x, y, &$0)
      }
    }
    if labelsEnds {
      let places = SVG.apart(ends, by: 16, within: top...bottom)
      for (line, place) in zip(series, places) where !line.points.isEmpty {
        svg.text(line.name, right + 12, place + 4, class: "end c-\(line.style.name)")
      }
    }
    return (svg, bottom + 48)
  }

  private static func draw(
    _ line: Series, _ points: [Point], _ horizontal: Scale, _ vertical: Scale,
    _ x: AxisSpecification, _ y: AxisSpecification, _ svg: inout SVG
  ) {
    for point in points {
      guard let error = point.error, error > 0 else { continue }
      let low = vertical.shows(point.y - error) ? vertical(point.y - error) : vertical.start
      svg.line(
        horizontal(point.x), low, horizontal(point.x), vertical(point.y + error), class: "error")
    }
    let path = points.enumerated().map {
      ($0.offset == 0 ? "M" : "L") + SVG.pair(horizontal($0.element.x), vertical($0.element.y))
    }.joined()
    if points.count > 1 { svg.path(path, class: "line") }
    guard line.showsMarks || points.count == 1 else { return }
    for point in points {
      svg.mark(
        line.style.shape, horizontal(point.x), vertical(point.y),
        title: "\(line.name): \(y.format(significant(point.y))) at \(x.format(point.x))")
    }
  }

  /// Four digits, for what a pointer over a mark tells.
  private static func significant(_ value: Double) -> Double {
    Double(Figures.significant(value)) ?? value
  }
}

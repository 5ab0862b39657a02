import Foundation

/// How much of the way from "without its memory" to the teacher the student has gone, in loss:
/// a bar that fills from the left, and where the untrained teacher with a window stands.
struct GapBar: Chart {
  var title: String
  var description: String
  /// Share of the way of the student and of the untrained window; below 0 is worse than without.
  var share: Double
  var untrained: Double?
  /// What stands at the ends and at the marks.
  var startLabel: String
  var endLabel: String
  var studentLabel: String
  var untrainedLabel: String

  func draw(width: Double, isNarrow: Bool) -> (svg: SVG, height: Double) {
    let left = 0.0
    let right = width
    let place = { (share: Double) in left + (right - left) * min(max(share, 0), 1) }
    let top = 34.0
    var svg = SVG()
    svg.rectangle(left, top, right - left, 18, class: "track")
    svg.rectangle(left, top, max(place(share) - left, 0), 18, class: "fill")
    func label(_ text: String, _ x: Double, _ y: Double, class name: String) {
      let width = SVG.width(of: text)
      let anchor: SVG.Anchor =
        x - width / 2 < left ? .start : x + width / 2 > right ? .end : .middle
      svg.text(text, anchor == .start ? left : anchor == .end ? right : x, y, anchor, class: name)
    }
    svg.line(place(share), top - 6, place(share), top + 24, class: "edge")
    label(studentLabel, place(share), top - 13, class: "end c-student")
    var height = top + 42
    if let untrained {
      svg.line(place(untrained), top - 2, place(untrained), top + 26, class: "reference")
      label(untrainedLabel, place(untrained), top + 42, class: "note")
      height += 22
    }
    svg.text(startLabel, left, height, class: "tick")
    if isNarrow { height += 18 }
    svg.text(endLabel, right, height, .end, class: "tick")
    return (svg, height + 8)
  }
}

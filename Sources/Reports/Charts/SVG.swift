import Foundation
import Results

/// Text of an inline SVG, drawn in user units that are CSS pixels at the designed width.
///
/// Colours come from the page's style sheet through classes, so that a chart follows light, dark
/// and print.
struct SVG {
  private(set) var body = ""

  /// One tenth of a pixel is finer than any screen; shorter numbers make smaller files.
  static func number(_ value: Double) -> String {
    let tenths = (value * 10).rounded() / 10
    return tenths == tenths.rounded() ? "\(Int(tenths))" : String(format: "%.1f", tenths)
  }

  /// Width of a text of 12 pixels in a wide system font, pixels.
  static func width(of text: String) -> Double { Double(text.count) * 7.3 }

  mutating func line(
    _ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, class name: String
  ) {
    path("M\(Self.pair(x1, y1))L\(Self.pair(x2, y2))", class: name)
  }

  static func pair(_ x: Double, _ y: Double) -> String { "\(number(x)) \(number(y))" }

  mutating func path(_ data: String, class name: String, title: String? = nil) {
    body += "<path class=\"\(name)\" d=\"\(data)\""
    body += title.map { "><title>\(XML.escaped($0))</title></path>" } ?? "/>"
  }

  enum Anchor: String {
    case start, middle, end
  }

  mutating func text(
    _ text: String, _ x: Double, _ y: Double, _ anchor: Anchor = .start, class name: String = ""
  ) {
    let classes = name.isEmpty ? "" : " class=\"\(name)\""
    body +=
      "<text x=\"\(Self.number(x))\" y=\"\(Self.number(y))\" text-anchor=\"\(anchor.rawValue)\""
      + "\(classes)>\(XML.escaped(text))</text>"
  }

  mutating func rectangle(
    _ x: Double, _ y: Double, _ width: Double, _ height: Double, class name: String,
    opacity: Double? = nil, title: String? = nil
  ) {
    body +=
      "<rect class=\"\(name)\" x=\"\(Self.number(x))\" y=\"\(Self.number(y))\" "
      + "width=\"\(Self.number(width))\" height=\"\(Self.number(height))\""
    if let opacity { body += String(format: " fill-opacity=\"%.2f\"", opacity) }
    body += title.map { "><title>\(XML.escaped($0))</title></rect>" } ?? "/>"
  }

  mutating func group(class name: String, _ draw: (inout SVG) -> Void) {
    body += "<g class=\"\(name)\">"
    draw(&self)
    body += "</g>"
  }

  /// Marks are paths around their centre: shapes tell series apart where colours do not.
  mutating func mark(_ shape: SeriesStyle.Shape, _ x: Double, _ y: Double, title: String? = nil) {
    path(shape.path(at: x, y), class: "mark", title: title)
  }

  /// The element itself, with a title and a description for those who do not see it.
  func element(
    id: String, class name: String, width: Double, height: Double, title: String,
    description: String
  ) -> String {
    "<svg class=\"chart \(name)\" role=\"img\" aria-labelledby=\"\(id)-t \(id)-d\" "
      + "viewBox=\"0 0 \(Self.number(width)) \(Self.number(height))\" "
      + "xmlns=\"http://www.w3.org/2000/svg\">"
      + "<title id=\"\(id)-t\">\(XML.escaped(title))</title>"
      + "<desc id=\"\(id)-d\">\(XML.escaped(description))</desc>\(body)</svg>"
  }
}

/// How a series looks: a colour of the style sheet, a mark, a dash.
struct SeriesStyle: Sendable, Equatable {
  enum Shape: String, Sendable {
    case circle, ring, square, diamond, triangle, cross

    func path(at x: Double, _ y: Double) -> String {
      let start = { (dx: Double, dy: Double) in "M" + SVG.pair(x + dx, y + dy) }
      switch self {
      case .circle, .ring: return start(-4, 0) + "a4 4 0 1 0 8 0a4 4 0 1 0-8 0z"
      case .square: return start(-3.5, -3.5) + "h7v7h-7z"
      case .diamond: return start(0, -5) + "l5 5-5 5-5-5z"
      case .triangle: return start(0, -4.5) + "l4.6 8h-9.2z"
      case .cross: return start(-3.5, -3.5) + "l7 7m0-7l-7 7"
      }
    }
  }

  /// Class that sets the colour.
  var name: String
  var shape: Shape
  var isDashed = false

  var classes: String { "series c-\(name) m-\(shape.rawValue)" + (isDashed ? " dashed" : "") }
}

extension ModelVariant {
  var style: SeriesStyle {
    switch self {
    case .teacher: SeriesStyle(name: "teacher", shape: .square)
    case .student: SeriesStyle(name: "student", shape: .circle)
    case .windowOnly: SeriesStyle(name: "window", shape: .triangle, isDashed: true)
    case .memoryOnly: SeriesStyle(name: "linear", shape: .diamond, isDashed: true)
    case .noAttention: SeriesStyle(name: "none", shape: .cross, isDashed: true)
    case .teacherWindowSinks: SeriesStyle(name: "untrained", shape: .ring, isDashed: true)
    }
  }
}

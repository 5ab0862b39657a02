/// What the page template shows. Names are the template's; see `Templates/page.mustache`.
///
/// Members are looked up in their own object alone (`{{.name}}`), so nothing absent is filled from
/// an outer one.
struct PageView {
  struct Gate {
    /// `kept` or `missed`.
    var name: String
    var sign: String
    var words: String
  }

  struct Fact {
    var name: String
    var value: String
    var unit: String?
    var detail: String?
  }

  var windowTitle: String
  var eyebrow: String
  var heading: String
  var verdict: String
  var gate: Gate?
  var models: [Fact] = []
  var facts: [Fact] = []
  var sections: [SectionView] = []
  var footer: String
  var hasModels = false
  var hasFacts = false
  var hasSections = false
  /// Unescaped: the program's own.
  var style = ""
  var script: String?
}

/// A heading, a sentence that says what is to be learnt, and the evidence below.
struct SectionView {
  var id: String
  var heading: String
  var lead: String?
  var blocks: [BlockView] = []

  mutating func append(paragraph: String) { blocks.append(BlockView(paragraph: paragraph)) }
  mutating func append(table: TableView) { blocks.append(BlockView(table: table)) }
  mutating func append(subheading: String) { blocks.append(BlockView(subheading: subheading)) }

  mutating func append(figures: [FigureView], layout: String = "one") {
    blocks.append(BlockView(figures: FiguresView(layout: layout, members: figures)))
  }

  mutating func append(details summary: String, table: TableView) {
    blocks.append(BlockView(disclosure: DisclosureView(summary: summary, table: table)))
  }

  mutating func append(details summary: String, code: String) {
    blocks.append(
      BlockView(
        disclosure: DisclosureView(
          summary: summary, code: CodeView(label: summary, text: code))))
  }

  mutating func append(code: String, label: String) {
    blocks.append(BlockView(code: CodeView(label: label, text: code)))
  }
}

/// One of these.
struct BlockView {
  var subheading: String?
  var paragraph: String?
  var figures: FiguresView?
  var table: TableView?
  var maps: MapsView?
  var code: CodeView?
  var disclosure: DisclosureView?
}

struct FiguresView {
  /// `one`, `two` or `three` beside each other on a desk.
  var layout: String
  var members: [FigureView]
}

struct CodeView {
  var label: String
  var text: String
}

struct DisclosureView {
  var summary: String
  var table: TableView?
  var code: CodeView?
}

struct FigureView {
  struct Key {
    /// Class that sets the colour.
    var name: String
    /// An SVG of the line and its mark, unescaped.
    var sample: String
    var words: String
  }

  var caption: String
  var detail: String?
  var hasLegend: Bool
  /// `narrow-only` where the wide drawing names its series itself.
  var legendName: String
  var legend: [Key]
  /// Unescaped SVG.
  var drawings: String

  /// - Parameters:
  ///   - id: unique in the page.
  ///   - width: of the wide drawing, pixels.
  init(
    _ chart: some Chart, id: String, caption: String, detail: String? = nil, width: Double = 940
  ) {
    self.caption = caption
    self.detail = detail
    hasLegend = !chart.legend.isEmpty
    legendName = chart is LineChart ? "narrow-only" : ""
    legend = chart.legend.map { name, style in
      Key(
        name: "c-\(style.name)",
        sample: "<svg viewBox=\"0 0 22 12\" class=\"\(style.classes)\">"
          + (chart is LineChart ? "<path class=\"line\" d=\"M0 6h22\"/>" : "")
          + "<path class=\"mark\" d=\"\(style.shape.path(at: 11, 6))\"/></svg>",
        words: name)
    }
    drawings = chart.elements(id: id, width: width)
  }
}

struct TableView {
  struct Heading {
    var words: String
    var name = ""
  }

  struct Cell {
    var words: String
    var error: String?
    /// Classes: `words` for prose, `best`, `subject`, `verdict-kept`.
    var name = ""
  }

  struct Row {
    var heading: String
    var detail: String?
    var cells: [Cell]
    var name = ""
  }

  var caption: String
  var name = ""
  var headings: [Heading]
  var rows: [Row]
  /// Templates see stored members alone.
  let hasHeadings: Bool

  init(caption: String, name: String = "", headings: [Heading], rows: [Row] = []) {
    self.caption = caption
    self.name = name
    self.headings = headings
    self.rows = rows
    hasHeadings = !headings.isEmpty
  }
}

extension TableView {
  /// A table of plain text whose first column heads the rows.
  init(_ table: TextTable, caption: String) {
    self.init(
      caption: caption, headings: table.headings.map { Heading(words: $0) },
      rows: table.rows.map { row in
        Row(heading: row[0], cells: row.dropFirst().map { Cell(words: $0) })
      })
  }

  /// Names and values, without headings.
  init(_ rows: [(key: String, value: String)], caption: String) {
    self.init(
      caption: caption, name: "plain", headings: [],
      rows: rows.map { Row(heading: $0.key, cells: [Cell(words: $0.value)]) })
  }
}

struct MapsView {
  struct Group {
    var label: String
    var options: [Option]
  }

  struct Option {
    /// Index in the data.
    var value: Int
    var words: String
  }

  var groups: [Group]
  /// Of the first head, for readers without scripts.
  var teacherLabel: String
  var studentLabel: String
  var teacherImage: String
  var studentImage: String
  var words: String
  var legend: String
  /// Unescaped: numbers, base64, and text without `<`.
  var json: String
}

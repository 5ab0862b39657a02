import Mustache

/// The page templates of this module, compiled once a page.
enum PageTemplates {
  /// A self-contained HTML document.
  ///
  /// - Throws: the template library's parser error, which a test keeps from users.
  static func render(_ page: PageView) throws -> String {
    MustacheContentTypes.register(StrictHTML(), named: "STRICT-HTML")
    var library = MustacheLibrary()
    for (name, bytes) in [
      ("page", PackageResources.page_mustache), ("section", PackageResources.section_mustache),
      ("figure", PackageResources.figure_mustache), ("table", PackageResources.table_mustache),
      ("maps", PackageResources.maps_mustache),
    ] {
      try library.register(String(decoding: bytes, as: UTF8.self), named: name)
    }
    var page = page
    page.hasModels = !page.models.isEmpty
    page.hasFacts = !page.facts.isEmpty
    page.hasSections = !page.sections.isEmpty
    page.style = style
    let hasMaps = page.sections.contains { $0.blocks.contains { $0.maps != nil } }
    if hasMaps { page.script = String(decoding: PackageResources.maps_js, as: UTF8.self) }
    guard let text = library.render(page, withTemplate: "page") else {
      preconditionFailure("the page template is registered above")
    }
    return String(text.drop { $0.isWhitespace })
  }

  private static var style: String {
    [PackageResources.theme_css, PackageResources.page_css, PackageResources.charts_css]
      .map { String(decoding: $0, as: UTF8.self) }.joined(separator: "\n")
  }
}

/// Escapes scalars, not characters: the library's own escaping leaves a quote alone that carries a
/// combining accent, because to Swift the two are one character, while a browser sees the quote.
private struct StrictHTML: MustacheContentType {
  func escapeText(_ text: String) -> String { XML.escaped(text) }
}

import Documents

/// One change to a recipe from the command line: `stages[0].steps=30`, or `~data.test` to remove.
public struct RecipeOverride: Sendable, Equatable {
  /// The place of the document that changes.
  public var path: JSONPath
  /// `nil` removes.
  public var value: JSONValue?

  /// A change of one place.
  public init(path: JSONPath, value: JSONValue?) {
    self.path = path
    self.value = value
  }

  /// Parses `a.b=v` and `~a.b`. The value is JSON when it parses as JSON and a string otherwise,
  /// so `seed=7` is a number and `output=runs/x` needs no quotes.
  ///
  /// - Throws: `RecipeError.malformedOverride`.
  public init(parsing text: String) throws(RecipeError) {
    if text.hasPrefix("~") {
      guard !text.contains("="), let path = JSONPath(String(text.dropFirst())) else {
        throw .malformedOverride(text)
      }
      self.init(path: path, value: nil)
      return
    }
    guard let equals = text.firstIndex(of: "="), let path = JSONPath(String(text[..<equals]))
    else { throw .malformedOverride(text) }
    let spelling = String(text[text.index(after: equals)...])
    do {
      self.init(path: path, value: try JSONValue(parsing: spelling))
    } catch {
      self.init(path: path, value: .string(spelling))
    }
  }

  /// Applies overrides in order; the later wins.
  ///
  /// - Throws: `DocumentError` with every path that leads nowhere.
  static func apply(
    _ overrides: [RecipeOverride], to document: JSONValue
  ) throws(DocumentError) -> JSONValue {
    var document = document
    var mistakes: [Diagnostic] = []
    for override in overrides {
      do {
        if let value = override.value {
          try document.set(value, at: override.path, elementNames: StageIdentifiers.names)
        } else {
          try document.remove(at: override.path, elementNames: StageIdentifiers.names)
        }
      } catch {
        mistakes.append(Diagnostic(path: "--set \(override.path)", message: error.description))
      }
    }
    if !mistakes.isEmpty { throw DocumentError(mistakes) }
    return document
  }
}

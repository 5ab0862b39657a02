import ArgumentParser
import Documents
import Foundation

/// A recipe that comes with the program, wherever it is installed.
struct ShippedRecipe {
  /// Its path under `recipes`, without `.json`: `quick/hedgehog`.
  let name: String
  /// The file, byte for byte.
  let text: String
  let document: JSONValue

  /// In the order of their names.
  ///
  /// - Throws: `JSONError` for a recipe that was embedded damaged, a mistake of the program.
  static func all() throws(JSONError) -> [ShippedRecipe] {
    var recipes: [ShippedRecipe] = []
    for (name, text) in documents {
      recipes.append(
        ShippedRecipe(name: name, text: text, document: try JSONValue(parsing: text)))
    }
    return recipes
  }

  /// - Throws: `ValidationError` for an unknown name, with the nearest.
  static func named(_ name: String) throws -> ShippedRecipe {
    let all = try all()
    let plain = name.hasSuffix(".json") ? String(name.dropLast(".json".count)) : name
    if let recipe = all.first(where: { $0.name == plain }) { return recipe }
    let hint = nearest(plain, among: all.map(\.name)).map { "did you mean \"\($0)\"?" }
    throw ValidationError(
      "There is no recipe \"\(name)\"; \(hint ?? "`linearize recipes` lists them")")
  }

  /// What it does, in a sentence.
  var summary: String { document["description"]?.stringValue ?? "" }

  /// Whether it is a study, which carries out recipes beside its own file.
  var isStudy: Bool { document["recipes"] != nil }

  /// The text for another folder, where no schema lies beside it.
  var textWithoutSchema: String {
    text.split(separator: "\n", omittingEmptySubsequences: false)
      .filter { !$0.hasPrefix("  \"$schema\": ") }.joined(separator: "\n")
  }
}

import Documents
import Foundation
import Reports
import Results

/// Recipes that are carried out several times with a few values changed, and the measures that
/// their results are compared by.
public struct Study: Sendable {
  /// One way to carry the recipes out, a row of the table.
  public struct Variant: Sendable, Equatable {
    /// Also the folder's.
    public var name: String
    /// Recipes that this variant is for; nil for all.
    public var recipes: [String]?
    /// What is changed in the recipes.
    public var overrides: [RecipeOverride]
  }

  /// A measure of one recipe's results.
  public struct Column: Sendable, Equatable {
    /// Heading of the column.
    public var title: String
    /// The recipe whose results are read.
    public var recipe: String
    /// One of `EvaluationReport.measures`.
    public var measure: String
  }

  /// One variant of one recipe.
  public struct Run: Sendable {
    /// Name of the variant.
    public let variant: String
    /// Name of the recipe in the study.
    public let recipe: String
    /// The recipe as the variant changes it.
    public let loaded: LoadedRecipe
  }

  /// As the user gave it.
  public let path: String
  /// What the study is called.
  public let name: String
  /// Its runs are in `output/RECIPE/VARIANT`.
  public let output: String
  /// Rows of the table.
  public let variants: [Variant]
  /// Columns of the table.
  public let columns: [Column]
  /// Recipe by recipe, in the order of the document.
  public let runs: [Run]

  /// - Parameters:
  ///   - output: in the place of the document's.
  ///   - check: asked of every run whose recipe is read without a mistake.
  /// - Throws: `RecipeError` for the study, `StudyMistakes` with all mistakes of the recipes in it and
  ///   all that the check throws.
  public init(
    path: String, output: String? = nil, check: (Run) throws -> Void = { _ in }
  ) throws {
    let document: JSONValue
    do {
      document = try DocumentFile(path).read()
    } catch let error as DocumentFile.Malformed {
      throw RecipeError.malformed(path: path, error.error)
    }
    let read: StudyDocument
    do {
      read = try DocumentReader.read(document) { StudyDocument($0) }
    } catch {
      throw RecipeError.mistaken(path: path, error)
    }
    self.path = path
    name = read.name
    self.output = output ?? read.output
    variants = read.variants
    columns = read.columns
    let folder = FilePath.folder(of: path)
    var runs: [Run] = []
    var found = StudyMistakeList(path: path)
    for (recipe, file) in read.recipes {
      for variant in read.variants where variant.recipes?.contains(recipe) ?? true {
        let place = RecipeOverride(
          path: JSONPath("output")!, value: .string("\(self.output)/\(recipe)/\(variant.name)"))
        let title = RecipeOverride(
          path: JSONPath("name")!, value: .string("\(variant.name), \(recipe)"))
        found.note("\(recipe), \(variant.name)") {
          let run = Run(
            variant: variant.name, recipe: recipe,
            loaded: try LoadedRecipe(
              path: FilePath.resolve(file, in: folder),
              overrides: variant.overrides + [title, place]))
          runs.append(run)
          try check(run)
        }
      }
    }
    try found.throwIfAny()
    self.runs = runs
  }

  private static let longestStudy = 1 << 22

  /// Whether a file is a study and not a recipe; false for one that cannot be read.
  public static func isStudy(at path: String) -> Bool {
    do {
      let bytes = try DocumentFile(path).bytes()
      // What is that long is read once, as what it is most likely to be.
      if bytes.count > longestStudy { return false }
      let document = try JSONValue(parsing: bytes)
      return document["recipes"] != nil || document["variants"] != nil
    } catch {
      return false
    }
  }

  /// One row a variant, from the results of runs that are done; a dash where there are none.
  ///
  /// - Throws: what reading a results file throws.
  public func table() throws -> TextTable {
    var table = TextTable(["variant"] + columns.map(\.title))
    for variant in variants {
      var cells = [variant.name]
      for column in columns {
        let path = "\(output)/\(column.recipe)/\(variant.name)/results.json"
        let value =
          FileManager.default.fileExists(atPath: path)
          ? try StoredResults(contentsOf: path).report.value(of: column.measure) : nil
        cells.append(value.map { String(format: "%.3f", $0) } ?? "–")
      }
      table.append(cells)
    }
    return table
  }
}

/// The study as its document spells it.
private struct StudyDocument {
  let name: String
  let output: String
  let recipes: [(name: String, file: String)]
  let variants: [Study.Variant]
  let columns: [Study.Column]

  init(_ reader: DocumentReader) {
    name = reader.string("name", "What the study is called.")
    _ = reader.optionalString("description", "What the study shows, in a sentence.")
    output = reader.string(
      "output", default: "runs/\(name)", "Folder of the study, relative to the current directory.")
    recipes = reader.objects("recipes", minimum: 1, "What is carried out.") {
      (
        name: $0.string("name", "Of its column's, and of its folder."),
        file: $0.string("path", "The recipe, relative to the study's file.")
      )
    }
    let names = recipes.map(\.name)
    variants = reader.objects("variants", minimum: 1, "With which values.") { variant in
      Study.Variant(
        name: variant.string("name", "Of its row, and of its folder."),
        recipes: variant.isGiven("recipes")
          ? variant.strings("recipes", of: names, "Recipes that it is for; all unless given.")
          : nil,
        overrides: variant.strings(
          "set", default: [], "Changes of the recipes: path=value, or ~path to remove."
        ).compactMap { text in
          do {
            return try RecipeOverride(parsing: text)
          } catch {
            variant.report("set", "\(error)")
            return nil
          }
        })
    }
    let measures = EvaluationReport.measures.map(\.name)
    columns = reader.objects("columns", minimum: 1, "By what they are compared.") {
      Study.Column(
        title: $0.string("title", "Heading."),
        recipe: $0.word("recipe", of: names, "Recipe whose results are read."),
        measure: $0.word("measure", of: measures, "One of the report's measures."))
    }
    for (key, all) in [("recipes", names), ("variants", variants.map(\.name))] {
      for name in Set(all) where all.count(where: { $0 == name }) > 1 || name.contains("/") {
        reader.report(key, "has \"\(name)\" twice or with a slash; expected names of folders")
      }
    }
  }
}

import Documents
import Foundation

/// A recipe read from a file, with the overrides of the command line and every default in place.
public struct LoadedRecipe: Sendable {
  /// Where it was read from, as the user gave it.
  public let path: String
  /// The recipe as it was read.
  public let recipe: Recipe
  /// The recipe as it will run: reading it again gives the same run.
  public let resolved: JSONValue

  /// Overrides win over the file, the file over defaults.
  ///
  /// - Throws: `RecipeError`, with every mistake at once.
  public init(path: String, overrides: [RecipeOverride] = []) throws(RecipeError) {
    try self.init(
      document: Self.document(at: path), path: path, overrides: overrides)
  }

  /// Reads a document that is in memory; overrides win over it.
  ///
  /// - Parameter path: For messages.
  /// - Throws: `RecipeError`, with every mistake at once.
  public init(
    document: JSONValue, path: String, overrides: [RecipeOverride] = []
  ) throws(RecipeError) {
    do {
      let changed = try RecipeOverride.apply(overrides, to: document)
      (recipe, resolved) = try DocumentReader.resolve(changed) { Recipe($0) }
      self.path = path
    } catch {
      throw .mistaken(path: path, error)
    }
  }

  /// A recipe of an earlier version as this one spells it; one that this version refuses as it is.
  static func resolved(_ document: JSONValue) -> JSONValue {
    do {
      return try LoadedRecipe(document: document, path: "recipe.json").resolved
    } catch {
      return document
    }
  }

  private static func document(at path: String) throws(RecipeError) -> JSONValue {
    let bytes: [UInt8]
    do throws(DocumentFile.Failure) {
      bytes = try DocumentFile(path).bytes()
    } catch {
      let reason =
        switch error.errorNumber {
        case ENOENT: "does not exist"
        case EISDIR: "is a folder, expected a recipe"
        default: "cannot be read: \(error.reason ?? String(cString: strerror(error.errorNumber)))"
        }
      throw .unreadable(path: path, absolutePath: absolute(path), reason: reason)
    }
    do {
      return try JSONValue(parsing: bytes)
    } catch {
      throw .malformed(path: path, error)
    }
  }

  /// Looks for every file that the recipe names.
  ///
  /// - Throws: `RecipeError.missingInputs` with all that are not there.
  public func checkInputs() throws(RecipeError) {
    let teacher = recipe.teacher
    var inputs = teacher.path.map { [("$.teacher.path", $0)] } ?? []
    if let folder = teacher.adapter { inputs.append(("$.teacher.adapter", folder)) }
    if let folder = teacher.tokenizer { inputs.append(("$.teacher.tokenizer", folder)) }
    let data = recipe.data
    for (section, datasets) in [
      ("train", data.train), ("validation", data.validation), ("test", data.test),
    ] {
      inputs += datasets.enumerated().filter { !$0.element.path.isEmpty }
        .map { ("$.data.\(section)[\($0)].path", $1.path) }
      inputs += datasets.enumerated().flatMap { index, dataset in
        dataset.indexPaths.map { ("$.data.\(section)[\(index)].path, its index", $0) }
      }
    }
    inputs += recipe.stages.flatMap { stage in
      stage.specification.inputs.map { ("$.stages[\(stage.index)].\($0.field)", $0.path) }
    }
    let missing = inputs.filter { !FileManager.default.fileExists(atPath: $0.1) }
    if missing.isEmpty { return }
    throw .missingInputs(
      recipe: path,
      missing.map {
        RecipeError.MissingInput(field: $0, path: $1, absolutePath: Self.absolute($1))
      })
  }

  private static func absolute(_ path: String) -> String {
    URL(fileURLWithPath: path).standardizedFileURL.path
  }
}

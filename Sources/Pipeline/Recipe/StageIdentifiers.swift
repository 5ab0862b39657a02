import Documents

/// Ids of stages as they come: those that are given, or the stage's name, with the next free number
/// behind it where it repeats.
struct StageIdentifiers {
  private var taken: Set<String> = []

  mutating func next(_ name: String, given: String?) -> String {
    var id = given ?? name
    if given == nil {
      var number = 1
      while taken.contains(id) {
        number += 1
        id = "\(name)-\(number)"
      }
    }
    taken.insert(id)
    return id
  }

  /// Why a given id cannot be used; nil when it can.
  func problem(with id: String) -> String? {
    if taken.contains(id) {
      return "found \"\(id)\" a second time; expected a word that no stage before it has"
    }
    let isPlain = id.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-_".contains($0)) }
    if id.hasPrefix("step-") {
      return "found \"\(id)\", expected another word: checkpoints are called step-…"
    }
    if id.isEmpty || !isPlain || Int(id) != nil {
      return "found \"\(id)\", expected letters, digits, - and _, and not digits alone: files are "
        + "named by it"
    }
    return nil
  }

  /// The words by which elements of a document's array of stages can be named, ids first.
  static func names(of elements: [JSONValue]) -> [[String]] {
    var identifiers = StageIdentifiers()
    return elements.map { element in
      guard let name = element["stage"]?.stringValue else { return [] }
      return [identifiers.next(name, given: element["id"]?.stringValue), name]
    }
  }
}

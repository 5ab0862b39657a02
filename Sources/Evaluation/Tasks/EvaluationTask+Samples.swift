import Corpus
import Documents

extension EvaluationTask {
  /// The first `limit` samples, or all.
  ///
  /// - Throws: `TaskError` with the bad rows; a sample that cannot be scored is never left out.
  /// - Precondition: `limit` is positive.
  public func samples(limit: Int? = nil) throws -> [TaskSample] {
    precondition(limit ?? 1 > 0, "a limit of \(limit ?? 0) samples")
    var solved = [String?](repeating: nil, count: shotRows.count)
    var bad = BadRows(path: dataPath)
    let samples = try rows.prefix(limit ?? rows.count).enumerated().map { index, row in
      try bad.row(line: row.line) {
        let prefix = try shotText(before: row.object, &solved)
        return try sample(index: index, row, prefix: prefix)
      }
    }
    try bad.throwIfAny()
    return samples.compactMap { $0 }
  }

  private func sample(index: Int, _ row: JSONLines.Row, prefix: String) throws -> TaskSample {
    let parts = try parts(of: row.object)
    let prefix = try specification.description.text(of: row.object) + prefix
    var sample = TaskSample(
      index: index, line: row.line, row: row.object, requests: [], answer: parts.answer,
      target: parts.target)
    switch specification.form {
    case .choices:
      sample.requests = parts.choices.map {
        .init(context: prefix + parts.context, continuation: specification.delimiter + $0)
      }
      sample.choiceLengths = parts.choices.map { $0.unicodeScalars.count }
    case .lettered(let template, _, _):
      sample.rotations = parts.choices.count
      sample.requests = try parts.choices.indices.flatMap { first in
        let order = parts.choices[first...] + parts.choices[..<first]
        let context = try letteredContext(template, Array(order), of: row.object)
        return (0..<order.count).map {
          TaskSample.Request(
            context: prefix + context, continuation: specification.delimiter + Self.letter($0))
        }
      }
    case .contexts:
      sample.requests = parts.choices.map {
        .init(context: prefix + $0, continuation: specification.delimiter + parts.continuation)
      }
    case .continuation:
      sample.requests = [
        .init(context: prefix + parts.context, continuation: parts.continuation)
      ]
    case .rolling(let template):
      let original = try template.text(of: row.object)
      sample.requests = [.init(context: "", continuation: parts.continuation)]
      sample.words = CodePoints(original).wordCount
      sample.bytes = original.utf8.count
    }
    return sample
  }

  // MARK: Parts of a row

  /// What the templates give for a row; what the task's form does not have is empty.
  private struct Parts {
    var context = ""
    /// Choices, or the contexts to choose from.
    var choices: [String] = []
    var continuation = ""
    var answer: Int?
    var target: String
  }

  private func parts(of row: JSONObject) throws -> Parts {
    let clean = specification.cleaning
    func continuation(_ template: RowTemplate) throws -> String {
      let text = clean(try template.text(of: row))
      if text.isEmpty { throw RowMistake("\(template.location): the text to be scored is empty") }
      return text
    }
    switch specification.form {
    case .choices(let context, let choices, let answer):
      let choices = try texts(choices, "choice", of: row)
      let (index, target) = try position(answer, among: choices, of: row)
      return Parts(
        context: clean(try context.text(of: row)), choices: choices, answer: index, target: target)
    case .lettered(let context, let choices, let answer):
      let choices = try texts(choices, "choice", of: row)
      if choices.count > Self.letters.count {
        throw RowMistake(
          "found \(choices.count) choices, expected at most \(Self.letters.count), a letter each")
      }
      let (index, target) = try position(answer, among: choices, of: row)
      return Parts(
        context: try letteredContext(context, choices, of: row), choices: choices, answer: index,
        target: target)
    case .contexts(let contexts, let template, let answer):
      let contexts = try texts(contexts, "context", of: row)
      let (index, _) = try position(answer, among: contexts, of: row)
      let continuation = try continuation(template)
      return Parts(
        choices: contexts, continuation: continuation, answer: index, target: continuation)
    case .continuation(let context, let template):
      let continuation = try continuation(template)
      return Parts(
        context: clean(try context.text(of: row)), continuation: continuation,
        target: continuation)
    case .rolling(let template):
      let text = try continuation(template)
      return Parts(continuation: text, target: text)
    }
  }

  // MARK: Letters

  private static let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ")

  private static func letter(_ place: Int) -> String { String(letters[place]) }

  /// The context of a row with choices as they stand under letters, for `{{lettered}}`.
  private func letteredContext(
    _ template: RowTemplate, _ choices: [String], of row: JSONObject
  ) throws -> String {
    var row = row
    row["lettered"] = .string(
      choices.enumerated().map { "\(Self.letter($0)). \($1)" }.joined(separator: "\n"))
    return specification.cleaning(try template.text(of: row))
  }

  private func texts(
    _ template: TaskSpecification.ListTemplate, _ word: String, of row: JSONObject
  ) throws -> [String] {
    let found: [String]
    switch template {
    case .each(let templates): found = try templates.map { try $0.text(of: row) }
    case .list(let template):
      let value = try template.value(of: row)
      guard let elements = value.arrayValue else {
        throw RowMistake("\(template.location): found \(value.kindDescription), expected a list")
      }
      found = try elements.enumerated().map { index, element in
        guard let text = element.stringValue else {
          throw RowMistake(
            "\(template.location): \(word) \(index) is \(element.kindDescription), "
              + "expected a string")
        }
        return text
      }
    }
    if found.count < 2 {
      throw RowMistake("found \(found.count) \(word)s, expected at least 2 to choose from")
    }
    let texts = found.map { specification.cleaning($0) }
    if let index = texts.firstIndex(where: { $0.unicodeScalars.allSatisfy(CodePoints.isSpace) }) {
      throw RowMistake(
        "\(word) \(index) of \(texts.count) is empty; counted from 0, expected a text to score")
    }
    return texts
  }

  /// Where the right one stands, as lm-eval reads `doc_to_target`: an index, digits, or one of the
  /// texts; and the text of the target.
  private func position(
    _ template: RowTemplate, among texts: [String], of row: JSONObject
  ) throws -> (index: Int, target: String) {
    let value = try template.value(of: row)
    let index: Int
    var target: String?
    switch value {
    case .integer(let found): index = found
    case .bool(let found): index = found ? 1 : 0
    case .string(let text):
      if !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
        let found = Int(text)
      {
        index = found
      } else {
        let found = texts.firstIndex { $0.utf8.elementsEqual(text.utf8) }
        guard let found else {
          throw RowMistake(
            "\(template.location): found \(value.kindDescription), expected an index from 0 to "
              + "\(texts.count - 1) or one of the \(texts.count) texts to choose from"
              + (text.isEmpty ? "; does this part of the data set have no answers?" : ""))
        }
        index = found
        target = text
      }
    default:
      throw RowMistake(
        "\(template.location): found \(value.kindDescription), expected one answer, by its index "
          + "or its text")
    }
    guard texts.indices.contains(index) else {
      throw RowMistake(
        "\(template.location): the answer is \(index), expected an index from 0 to "
          + "\(texts.count - 1), for there are \(texts.count) to choose from")
    }
    return (index, target ?? String(index))
  }

  // MARK: Shots

  /// The first rows with their answers, as text to stand before a sample's context; a row is never
  /// its own example.
  private func shotText(
    before row: JSONObject, _ solved: inout [String?]
  ) throws -> String {
    var text = ""
    var missing = specification.shots
    let excludesOwnRow = specification.shotData == nil
    for index in shotRows.indices where missing > 0 {
      if excludesOwnRow, shotRows[index].object == row { continue }
      let example = try solved[index] ?? solvedText(shotRows[index])
      solved[index] = example
      text += example + "\n\n"
      missing -= 1
    }
    if missing > 0 {
      throw RowMistake(
        "\(specification.shots) shots are asked for, and \(shotDataPath) has "
          + "\(specification.shots - missing) rows for them"
          + (excludesOwnRow ? " beside this one" : ""))
    }
    return text
  }

  private func solvedText(_ row: JSONLines.Row) throws -> String {
    var bad = BadRows(path: shotDataPath)
    let text = try bad.row(line: row.line) { try solved(row.object) }
    try bad.throwIfAny()
    return text!
  }

  private func solved(_ row: JSONObject) throws -> String {
    let parts = try parts(of: row)
    let delimiter = specification.delimiter
    return switch specification.form {
    case .choices: parts.context + delimiter + parts.choices[parts.answer!]
    case .lettered: parts.context + delimiter + Self.letter(parts.answer!)
    case .contexts: parts.choices[parts.answer!] + delimiter + parts.continuation
    case .continuation, .rolling: parts.context + delimiter + parts.continuation
    }
  }
}

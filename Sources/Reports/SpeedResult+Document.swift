import Documents
import Results

extension SpeedResult {
  /// As JSON: points of each model, what was left out and why, and who is faster from where on.
  public var document: JSONValue {
    [
      "teacher": .array(teacher.map(\.document)),
      "student": .array(student.map(\.document)),
      "omitted": .array(
        omissions.map {
          [
            "model": .string($0.role.rawValue), "length": .integer($0.length),
            "reason": .string($0.reason),
          ]
        }),
      "notes": .array(notes.map { .string($0) }),
      "decodeCrossover": decodeCrossover.map { .integer($0) } ?? .null,
      "prefillCrossover": prefillCrossover.map { .integer($0) } ?? .null,
      "sentence": sentence.map { .string($0) } ?? .null,
    ]
  }

  /// A row a length, the teacher's columns before the student's; empty cells were not measured.
  public var table: TextTable {
    let roles: [(name: String, points: [Point])] =
      [("teacher", teacher)] + (student.isEmpty ? [] : [("student", student)])
    var table = TextTable(
      ["Context"]
        + roles.flatMap {
          ["\($0.name) prefill tok/s", "\($0.name) decode tok/s", "\($0.name) state"]
        })
    for length in Set((teacher + student).map(\.length)).sorted() {
      var row = [Figures.count(length)]
      for role in roles {
        let point = role.points.first { $0.length == length }
        row += [
          point.map { Figures.rate($0.prefillTokensPerSecond) } ?? "",
          point.map { Figures.rate($0.decodeTokensPerSecond) } ?? "",
          point.map { Figures.bytes($0.stateBytes) } ?? "",
        ]
      }
      table.append(row)
    }
    return table
  }

  /// For a terminal: the table, then everything that is said in words.
  public var text: String {
    var text = table.isEmpty ? "" : table.terminal
    let remarks =
      (sentence.map { [$0] } ?? []) + notes
      + omissions.map {
        "Not measured: \($0.role.rawValue) at \(Figures.count($0.length)) tokens: \($0.reason)."
      }
    if !text.isEmpty, !remarks.isEmpty { text += "\n" }
    return text + remarks.map { $0 + "\n" }.joined()
  }
}

extension SpeedResult.Point {
  var document: JSONValue {
    [
      "length": .integer(length), "prefillTokensPerSecond": .number(prefillTokensPerSecond),
      "decodeTokensPerSecond": .number(decodeTokensPerSecond),
      "secondsPerToken": .number(secondsPerToken), "stateBytes": .integer(stateBytes),
    ]
  }
}

import Documents
import Results

extension SelectionResult {
  /// As JSON; what was not measured is null.
  public var document: JSONValue {
    [
      "layers": .integer(layers), "chosen": .array(chosen.map { .integer($0) }),
      "linear": .string(linear), "tokens": .integer(tokens),
      "teacher": teacher.document, "without": without.document,
      "removed": .array(removed.map(\.document)),
      "rounds": .array(
        rounds.map {
          [
            "chosen": .integer($0.chosen), "candidates": .array($0.candidates.map(\.document)),
          ]
        }),
      "notes": .array(notes.map { .string($0) }),
    ]
  }

  /// Reads the file of a choice.
  ///
  /// - Throws: `DocumentFile.Failure`, `DocumentFile.Malformed`, `ResultsError`.
  public init(contentsOf path: String) throws {
    try self.init(ResultsReader(DocumentFile(path).read(), file: path))
  }

  init(_ reader: ResultsReader) throws {
    try self.init(
      layers: reader.count("layers"), linear: reader.text("linear"),
      teacher: Measures(reader.reader("teacher")), without: Measures(reader.reader("without")),
      removed: reader.elements("removed") { try Candidate($0) },
      rounds: reader.elements("rounds") {
        try Round(
          candidates: $0.elements("candidates") { try Candidate($0) }, chosen: $0.count("chosen"))
      }, notes: reader.texts("notes"), tokens: reader.count("tokens"))
  }
}

extension SelectionResult.Measures {
  /// Every measure under its name in files.
  static let names: [(name: String, path: WritableKeyPath<Self, Double?> & Sendable)] = [
    ("divergence", \.divergence), ("recallLoss", \.recallLoss), ("recall", \.recall),
    ("passkeyLoss", \.passkeyLoss), ("passkey", \.passkey),
  ]

  fileprivate var document: JSONValue { .object(JSONObject(members)) }

  fileprivate var members: [(key: String, value: JSONValue)] {
    Self.names.map { ($0.name, self[keyPath: $0.path].map { .number($0) } ?? .null) }
  }

  fileprivate init(_ reader: ResultsReader) throws {
    self.init()
    for (name, path) in Self.names { self[keyPath: path] = try reader.optionalNumber(name) }
  }
}

extension SelectionResult.Candidate {
  fileprivate var document: JSONValue {
    .object(
      JSONObject(
        [("layer", .integer(layer)), ("cost", .number(cost))] + measures.members))
  }

  fileprivate init(_ reader: ResultsReader) throws {
    try self.init(
      layer: reader.count("layer"), measures: .init(reader), cost: reader.number("cost"))
  }
}

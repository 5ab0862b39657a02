import Documents
import Testing

/// A document with one field of every kind.
private struct Sample: Equatable {
  enum Colour: String, CaseIterable { case red, green, blue }

  var name: String
  var note: String?
  var steps: Int
  var layers: Int?
  var rate: Double
  var clip: Double?
  var keep: Bool
  var colour: Colour
  var targets: [String]
  var indices: [Int]
  var betas: [Double]
  var limit: Double?
  var shape: String?
  var sizes: [Int]

  init(_ reader: DocumentReader) {
    name = reader.string("name", "what it is called")
    note = reader.optionalString("note", "anything")
    steps = reader.integer("steps", in: 1...100, default: 10, "how many")
    layers = reader.optionalInteger("layers", in: 1...Int.max, "layers")
    rate = reader.number("rate", in: 0...1, default: 0.5, "speed")
    clip = reader.optionalNumber("clip", in: 0...Double.infinity, "largest norm")
    keep = reader.boolean("keep", default: true, "whether")
    colour = reader.choice("colour", default: .red, "which")
    targets = reader.strings("targets", of: ["queries", "keys"], default: ["keys"], "where")
    indices = reader.integers("indices", in: 0...31, default: [], "which layers")
    betas = reader.numbers("betas", count: 2, in: 0...0.9999, default: [0.9, 0.999], "decay")
    limit = reader.optionalObject("limit", "bounds") { $0.number("maximum", "at most") }
    shape =
      reader.object("shape", "form") { inner in
        inner.variant(
          "kind",
          of: [
            DocumentVariant("circle") { "circle \($0.number("radius", "half its width"))" },
            DocumentVariant("square") { "square \($0.number("side", default: 1, "its width"))" },
          ], default: "square", "its outline")
      }
    sizes = reader.objects("parts", "pieces") { $0.integer("size", "its size") }
  }

  static func mistakes(_ text: String) throws -> [String] {
    do {
      _ = try DocumentReader.read(JSONValue(parsing: text), Sample.init)
      return []
    } catch let error as DocumentError {
      return error.diagnostics.map(\.description)
    }
  }
}

@Suite struct DocumentReaderTests {
  @Test(arguments: [
    ("{}", "$.name: is missing; expected a string (what it is called)"),
    (#"{"name": null}"#, "$.name: found null, expected a string"),
    (#"{"name": 3}"#, "$.name: found the integer 3, expected a string"),
    (#"{"name": ["x"]}"#, "$.name: found an array of 1, expected a string"),
    (#"{"name": "x", "note": 1.5}"#, "$.note: found the number 1.5, expected a string"),
    (
      #"{"name": "x", "steps": 0}"#,
      "$.steps: found the integer 0, expected an integer from 1 to 100"
    ),
    (
      #"{"name": "x", "steps": 101}"#,
      "$.steps: found the integer 101, expected an integer from 1 to 100"
    ),
    (
      #"{"name": "x", "steps": 1.5}"#,
      "$.steps: found the number 1.5, expected an integer from 1 to 100"
    ),
    (
      #"{"name": "x", "steps": "7"}"#,
      "$.steps: found the string \"7\", expected an integer from 1 to 100"
    ),
    (
      #"{"name": "x", "steps": 92233720368547758080}"#,
      "$.steps: found the number 9.223372036854776e+19, expected an integer from 1 to 100"
    ),
    (#"{"name": "x", "steps": null}"#, "$.steps: found null, expected an integer from 1 to 100"),
    (
      #"{"name": "x", "layers": 0}"#,
      "$.layers: found the integer 0, expected an integer of at least 1"
    ),
    (
      #"{"name": "x", "layers": true}"#,
      "$.layers: found the boolean true, expected an integer of at least 1"
    ),
    (
      #"{"name": "x", "rate": -0.1}"#,
      "$.rate: found the number -0.1, expected a number from 0.0 to 1.0"
    ),
    (
      #"{"name": "x", "rate": "fast"}"#,
      "$.rate: found the string \"fast\", expected a number from 0.0 to 1.0"
    ),
    (
      #"{"name": "x", "clip": -1}"#,
      "$.clip: found the integer -1, expected a number of at least 0.0"
    ),
    (#"{"name": "x", "keep": 1}"#, "$.keep: found the integer 1, expected true or false"),
    (
      #"{"name": "x", "keep": "true"}"#,
      "$.keep: found the string \"true\", expected true or false"
    ),
    (
      #"{"name": "x", "colour": "gren"}"#,
      "$.colour: found the string \"gren\", expected one of \"red\", \"green\", \"blue\"; did you mean \"green\"?"
    ),
    (
      #"{"name": "x", "colour": "mauve"}"#,
      "$.colour: found the string \"mauve\", expected one of \"red\", \"green\", \"blue\""
    ),
    (
      #"{"name": "x", "colour": 2}"#,
      "$.colour: found the integer 2, expected one of \"red\", \"green\", \"blue\""
    ),
    (
      #"{"name": "x", "targets": "keys"}"#,
      "$.targets: found the string \"keys\", expected an array of strings"
    ),
    (
      #"{"name": "x", "targets": ["keys", "query"]}"#,
      "$.targets[1]: found the string \"query\", expected one of \"queries\", \"keys\""
    ),
    (
      #"{"name": "x", "targets": ["querys"]}"#,
      "$.targets[0]: found the string \"querys\", expected one of \"queries\", \"keys\"; did you mean \"queries\"?"
    ),
    (
      #"{"name": "x", "indices": [1, 32]}"#,
      "$.indices[1]: found the integer 32, expected an integer from 0 to 31"
    ),
    (
      #"{"name": "x", "indices": 4}"#,
      "$.indices: found the integer 4, expected an array of integers"
    ),
    (
      #"{"name": "x", "betas": [0.9]}"#,
      "$.betas: found an array of 1, expected an array of 2 numbers"
    ),
    (
      #"{"name": "x", "betas": [0.9, 1]}"#,
      "$.betas[1]: found the integer 1, expected a number from 0.0 to 0.9999"
    ),
    (#"{"name": "x", "limit": 3}"#, "$.limit: found the integer 3, expected an object"),
    (#"{"name": "x", "limit": {}}"#, "$.limit.maximum: is missing; expected a number (at most)"),
    (
      #"{"name": "x", "limit": {"maximun": 1, "maximum": 2}}"#,
      "$.limit.maximun: is not a known key; did you mean \"maximum\"?"
    ),
    (#"{"name": "x", "shape": []}"#, "$.shape: found an array of 0, expected an object"),
    (
      #"{"name": "x", "shape": {"kind": "cicle"}}"#,
      "$.shape.kind: found the string \"cicle\", expected one of \"circle\", \"square\"; did you mean \"circle\"?"
    ),
    (
      #"{"name": "x", "shape": {"kind": "circle"}}"#,
      "$.shape.radius: is missing; expected a number (half its width)"
    ),
    (
      #"{"name": "x", "shape": {"radius": 1}}"#,
      "$.shape.radius: is not a known key; known keys here are kind, side"
    ),
    (
      #"{"name": "x", "parts": {}}"#,
      "$.parts: found an object of 0 members, expected an array of objects"
    ),
    (#"{"name": "x", "parts": [7]}"#, "$.parts[0]: found the integer 7, expected an object"),
    (
      #"{"name": "x", "parts": [{"size": 1}, {"sise": 2}]}"#,
      "$.parts[1].size: is missing; expected an integer of at least 0 (its size)"
    ),
    (#"{"name": "x", "Steps": 3}"#, "$.Steps: is not a known key; did you mean \"steps\"?"),
    (#"{"name": "x", "stpes": 3}"#, "$.stpes: is not a known key; did you mean \"steps\"?"),
    (
      #"{"name": "x", "": 3}"#,
      "$[\"\"]: is not a known key; known keys here are betas, clip, colour, indices, keep, layers, limit, name, note, parts, rate, shape, steps, targets"
    ),
    ("[]", "$: found an array of 0, expected an object"),
    ("null", "$: found null, expected an object"),
  ])
  func `A mistake is named with its path, what was found and what was expected`(
    _ text: String, _ expected: String
  ) throws {
    #expect(try Sample.mistakes(text).first == expected)
  }

  @Test func `All mistakes are reported at once, in the order of declaration, unknown keys last`()
    throws
  {
    let text = """
      {"steps": 0, "rate": 2, "keep": "no", "colour": "rde", "limit": {"maximum": "x", "min": 1},
       "targets": ["values", "keys", 3], "shape": {"kind": "circle", "radius": null}, "extra": 1}
      """
    #expect(
      try Sample.mistakes(text) == [
        "$.name: is missing; expected a string (what it is called)",
        "$.steps: found the integer 0, expected an integer from 1 to 100",
        "$.rate: found the integer 2, expected a number from 0.0 to 1.0",
        "$.keep: found the string \"no\", expected true or false",
        "$.colour: found the string \"rde\", expected one of \"red\", \"green\", \"blue\"; "
          + "did you mean \"red\"?",
        "$.targets[0]: found the string \"values\", expected one of \"queries\", \"keys\"",
        "$.targets[2]: found the integer 3, expected one of \"queries\", \"keys\"",
        "$.limit.maximum: found the string \"x\", expected a number",
        "$.limit.min: is not a known key; known keys here are maximum",
        "$.shape.radius: found null, expected a number",
        "$.extra: is not a known key; known keys here are betas, clip, colour, indices, keep, "
          + "layers, limit, name, note, parts, rate, shape, steps, targets",
      ])
  }

  @Test func `The keys of an object of unknown kind are not judged`() throws {
    #expect(
      try Sample.mistakes(#"{"name": "x", "shape": {"kind": "hexagon", "edge": 1}}"#) == [
        "$.shape.kind: found the string \"hexagon\", expected one of \"circle\", \"square\""
      ])
  }

  @Test func `The resolved document spells every default and reads to the same result`() throws {
    let document = try JSONValue(
      parsing: #"{"$schema": "s", "rate": 1, "name": "x", "parts": [{"size": 3}], "steps": 2e1}"#)
    let (sample, resolved) = try DocumentReader.resolve(document, Sample.init)
    #expect(
      resolved.compact
        == #"{"name":"x","note":null,"steps":20,"layers":null,"rate":1.0,"clip":null,"keep":true,"#
        + #""colour":"red","targets":["keys"],"indices":[],"betas":[0.9,0.999],"limit":null,"#
        + #""shape":{"kind":"square","side":1.0},"parts":[{"size":3}]}"#)
    let again = try DocumentReader.resolve(resolved, Sample.init)
    #expect(again.result == sample)
    #expect(again.resolved == resolved)
  }

  @Test func `The schema states types, bounds, defaults, meanings, required keys and kinds`() throws
  {
    let schema = DocumentReader.schema { _ = Sample($0) }
    let properties = try #require(schema["properties"])
    #expect(schema["required"] == ["name"])
    #expect(schema["additionalProperties"] == false)
    #expect(
      properties["steps"]?.compact
        == #"{"type":"integer","minimum":1,"maximum":100,"default":10,"description":"how many"}"#)
    #expect(
      properties["clip"]?.compact
        == #"{"type":["number","null"],"minimum":0.0,"description":"largest norm"}"#)
    #expect(
      properties["betas"]?.compact
        == #"{"type":"array","items":{"type":"number","minimum":0.0,"maximum":0.9999},"#
        + #""minItems":2,"maxItems":2,"default":[0.9,0.999],"description":"decay"}"#)
    #expect(properties["limit"]?["anyOf"]?.arrayValue?.last == ["type": "null"])
    #expect(
      properties["shape"]?.compact
        == #"{"oneOf":[{"title":"circle","type":"object","properties":{"#
        + #""kind":{"const":"circle","description":"its outline"},"#
        + #""radius":{"type":"number","description":"half its width"}},"#
        + #""additionalProperties":false,"required":["kind","radius"]},"#
        + #"{"title":"square","type":"object","properties":{"#
        + #""kind":{"const":"square","description":"its outline"},"#
        + #""side":{"type":"number","default":1.0,"description":"its width"}},"#
        + #""additionalProperties":false}],"description":"form"}"#)
  }
}

import Documents
import Testing

@Suite struct JSONPathTests {
  private let document = try! JSONValue(
    parsing: #"{"seed": 1, "stages": [{"stage": "first", "steps": 1}, {"stage": "second"}]}"#)

  private func names(of elements: [JSONValue]) -> [[String]] {
    elements.map { [$0["id"], $0["stage"]].compactMap { $0?.stringValue } }
  }

  private func changed(_ path: String, to value: JSONValue?) -> String {
    var copy = document
    do {
      if let value {
        try copy.set(value, at: JSONPath(path)!, elementNames: names(of:))
      } else {
        try copy.remove(at: JSONPath(path)!, elementNames: names(of:))
      }
      return copy.compact
    } catch {
      return "\(error)"
    }
  }

  @Test(arguments: [
    ("seed", #"{"seed":7,"stages":[{"stage":"first","steps":1},{"stage":"second"}]}"#),
    ("stages[0].steps", #"{"seed":1,"stages":[{"stage":"first","steps":7},{"stage":"second"}]}"#),
    ("stages.0.steps", #"{"seed":1,"stages":[{"stage":"first","steps":7},{"stage":"second"}]}"#),
    (
      "stages.first.steps",
      #"{"seed":1,"stages":[{"stage":"first","steps":7},{"stage":"second"}]}"#
    ),
    (
      "stages[1].a.b",
      #"{"seed":1,"stages":[{"stage":"first","steps":1},{"stage":"second","a":{"b":7}}]}"#
    ),
  ])
  func `A value is set by key, index in either spelling, or the name of an element`(
    _ path: String, _ expected: String
  ) {
    #expect(changed(path, to: 7) == expected)
  }

  @Test(arguments: [
    ("seed.x", "seed is the integer 1, so seed.x leads nowhere; set seed itself"),
    ("stages[2].x", "stages.2.x asks for element 2 of an array of 2; indices run from 0 to 1"),
    ("stages[-1].x", "stages.-1.x asks for element -1 of an array of 2; indices run from 0 to 1"),
    (
      "stages.secnd.x",
      "no element of the array is named \"secnd\" in stages.secnd.x; did you mean \"second\"?"
    ),
  ])
  func `A path that leads nowhere says where it ends`(_ path: String, _ expected: String) {
    #expect(changed(path, to: 7) == expected)
  }

  @Test(arguments: [
    ("seed", #"{"stages":[{"stage":"first","steps":1},{"stage":"second"}]}"#),
    ("stages.second", #"{"seed":1,"stages":[{"stage":"first","steps":1}]}"#),
    ("stages[0].steps", #"{"seed":1,"stages":[{"stage":"first"},{"stage":"second"}]}"#),
    ("sed", "there is no \"sed\" to remove at sed; did you mean \"seed\"?"),
    ("output", "there is no \"output\" to remove at output"),
  ])
  func `Removing takes away what is there and refuses what is not`(
    _ path: String, _ expected: String
  ) {
    #expect(changed(path, to: nil) == expected)
  }

  @Test(arguments: ["", ".", "a.", ".a", "a..b", "a[", "a[]", "a]", "a[0", "[0]"])
  func `A path with an empty part is none`(_ text: String) {
    #expect(JSONPath(text) == nil)
  }

  @Test func `Differences name every path with both values, and no spelling of a number`() throws {
    let before = try JSONValue(parsing: #"{"a": 1, "b": {"c": [1, 2], "d": null}, "e": "x"}"#)
    let after = try JSONValue(parsing: #"{"e": "y", "a": 1.0, "b": {"c": [1, 3]}, "f": [1]}"#)
    #expect(
      after.differences(from: before) == [
        "$.b.c[1]: 2, now 3", "$.b.d: null, now missing", "$.e: \"x\", now \"y\"",
        "$.f: was missing, now [1]",
      ])
    #expect(before.differences(from: before) == [])
  }
}

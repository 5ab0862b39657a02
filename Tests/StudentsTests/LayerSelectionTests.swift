import Testing

@testable import Students

@Suite struct LayerSelectionTests {
  @Test(arguments: [
    ("every 4", 12, [3, 7, 11]), ("every 4", 10, [3, 7]), ("every 1", 3, [0, 1, 2]),
    ("first 2", 5, [0, 1]), ("last 2", 5, [3, 4]), ("0,3,6-8", 9, [0, 3, 6, 7, 8]),
    ("last 1, first 1", 4, [0, 3]), ("every 2, 0", 5, [0, 1, 3]), ("2,2,1-2", 3, [1, 2]),
  ])
  func `a pattern selects layers of a model of any depth`(
    pattern: String, count: Int, expected: [Int]
  ) throws {
    let selection = try #require(LayerSelection(pattern))
    #expect(selection.layers(of: count) == expected)
    #expect(selection.problems(of: count).isEmpty)
  }

  @Test(arguments: [
    "", "every", "every 0", "every -1", "four", "3-", "-3", "8-6", "1,,2", "first 2 last 2",
    "1-2-3",
    "99999999999999999999",
  ])
  func `other texts are no pattern`(pattern: String) { #expect(LayerSelection(pattern) == nil) }

  @Test(arguments: [
    ("5-8", "names layer 6, the teacher has layers 0 to 5"),
    ("9", "names layer 9, the teacher has layers 0 to 5"),
    ("every 7", "says \"every 7\", the teacher has 6 layers"),
    ("first 8", "says \"first 8\", the teacher has 6 layers"),
    ("last 8", "says \"last 8\", the teacher has 6 layers"),
  ])
  func `what the model does not have is said`(pattern: String, expected: String) throws {
    #expect(try #require(LayerSelection(pattern)).problems(of: 6) == [expected])
  }
}

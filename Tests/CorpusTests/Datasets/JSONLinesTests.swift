import Documents
import Foundation
import Testing

@testable import Corpus

@Suite struct JSONLinesTests {
  private func read(_ text: String) throws -> [JSONLines.Row] {
    let file = FileManager.default.temporaryDirectory.appendingPathComponent(
      "rows-\(UUID().uuidString).jsonl")
    try Data(text.utf8).write(to: file)
    defer { do { try FileManager.default.removeItem(at: file) } catch {} }
    return try JSONLines.read(file.path)
  }

  @Test func `Every object is a row with its line, whatever ends the lines`() throws {
    #expect(
      try read("\u{FEFF}{\"a\": 1}\r\n\n \t\n{\"a\": \"\\n\"}") == [
        JSONLines.Row(line: 1, object: ["a": 1]), JSONLines.Row(line: 4, object: ["a": "\n"]),
      ])
    #expect(try read("") == [])
  }

  @Test func `All bad lines are told at once`() {
    let error = #expect(throws: DatasetError.self) {
      try read("{}\n{\"a\": 1, \"a\": 2}\n7\n{\"a\"\n")
    }
    let lines = error?.description.split(separator: "\n").map { line in
      line.drop { $0 != "," }.dropFirst(2)
    }
    #expect(
      lines == [
        "line 2: column 10: the key \"a\" is given twice",
        "line 3: found the integer 7, expected a JSON object",
        "line 4: column 5: found the end of the document where ':' after a key was expected",
      ])
  }
}

import CZlib
import Documents
import Foundation
import Testing

@testable import Corpus

/// Files of rows as they are published: one array, or packed by gzip.
@Suite struct RowReaderTests {
  private func texts(_ text: String) throws -> [String] {
    let folder = try DatasetFolder()
    return try folder.texts(
      DatasetSpecification(path: try folder.file("a.jsonl", text), format: .jsonlText))
  }

  @Test(arguments: [
    #"[{"text":"a"},{"text":"b"}]"#,
    "\u{FEFF}  [\n {\n  \"text\": \"a\"\n },\n {\"text\": \"b\"}\n]\n",
    "\n\n[\r\n{\"text\":\"a\"}\r\n,\r\n{\"text\":\"b\"}]",
    #"{"text":"a"}"# + "\n" + #"{"text":"b"}"#,
  ]) func `One array is as good as one object a line`(text: String) throws {
    #expect(try texts(text) == ["a$", "b$"])
  }

  @Test func `Brackets and quotes within texts end nothing`() throws {
    let odd = #"]},{["\"#
    let rows: JSONValue = [["text": .string(odd), "x": [["y": [1, 2]]]], ["text": "b"]]
    #expect(try texts(rows.pretty) == ["\(odd)$", "b$"])
    #expect(try texts(rows.compact) == ["\(odd)$", "b$"])
    #expect(try texts("[]").isEmpty)
  }

  @Test(arguments: [
    ("[1, \"x\", {\"text\": \"a\"}]", "line 1: found the integer 1, expected a JSON object"),
    ("[{\"text\": \"a\"}", "line 1: the file ends within its array"),
    ("[{\"text\": \"a\"\n", "line 1: the file ends within its array"),
    (
      "[\n{\"text\": \"a\"}\n{\"text\": \"b\"}]", "line 3: expected a comma or the end of the array"
    ),
    ("[{\"text\": \"a\"}]\n{}", "line 2: something follows the end of the array"),
    ("[\n{\"text\": 5}]", "line 2: \"text\" is the integer 5, expected a string"),
  ]) func `What is wrong in an array is told with its line`(text: String, reason: String) {
    let error = #expect(throws: DatasetError.self) { try texts(text) }
    #expect(error?.description.contains(reason) == true, "\(text)")
  }

  /// Python's `gzip.GzipFile(filename="rows.jsonl", mtime=0)` of two rows.
  private let packed: [UInt8] = [
    31, 139, 8, 8, 0, 0, 0, 0, 2, 255, 114, 111, 119, 115, 46, 106, 115, 111, 110, 108, 0, 171, 86,
    42, 73, 173, 40, 81, 178, 82, 74, 84, 170, 229, 170, 134, 113, 146, 128, 28, 0, 73, 52, 120, 90,
    26, 0, 0, 0,
  ]

  private func texts(packed bytes: [UInt8]) throws -> [String] {
    let folder = try DatasetFolder()
    return try folder.texts(
      DatasetSpecification(
        path: try folder.file("a.jsonl.gz", bytes: bytes), format: .jsonlText))
  }

  @Test func `What gzip has packed is unpacked, one file after another`() throws {
    #expect(try texts(packed: packed) == ["a$", "b$"])
    #expect(try texts(packed: packed + packed) == ["a$", "b$", "a$", "b$"])
    let folder = try DatasetFolder()
    _ = try folder.file("in/a.jsonl.gz", bytes: packed)
    #expect(
      try folder.texts(DatasetSpecification(path: "\(folder.path)/in", format: .jsonlText))
        == ["a$", "b$"])
  }

  @Test func `Large files of every kind of block are unpacked`() throws {
    var generator = SplitMix(state: 5)
    let words = (0..<60_000).map { _ in
      ["the ", "cat ", "sat", "\n", String(UInt16.random(in: 0...999, using: &generator))]
        .randomElement(using: &generator)!
    }
    let text = words.joined()
    for mode in ["wb0", "wb1", "wb9"] {
      let folder = try DatasetFolder()
      let path = "\(folder.path)/a.txt"
      let packing = gzopen(path, mode)
      #expect(gzwrite(packing, text, UInt32(text.utf8.count)) == Int32(text.utf8.count))
      #expect(gzclose(packing) == Z_OK)
      let reader = try LineReader(path: path, bufferSize: 1000)
      var lines: [String] = []
      while let line = try reader.next() { lines.append(try line.text()) }
      #expect(lines.joined(separator: "\n") + (text.hasSuffix("\n") ? "\n" : "") == text)
    }
  }

  private func expectDamage(_ bytes: [UInt8], _ reason: String, _ what: String) {
    let error = #expect(throws: DatasetError.self, "\(what)") { try texts(packed: bytes) }
    #expect(error?.exitCode == .badData, "\(what)")
    #expect(error?.description.contains(reason) == true, "\(what): \(error?.description ?? "")")
  }

  @Test func `What is cut or changed is damaged, wherever it is`() {
    for length in [3, 12, 25, packed.count - 1] {
      let cut = Array(packed[..<length])
      expectDamage(cut, "the file ends before its packed text does", "\(length) bytes")
      // The last bytes are a checksum, behind all lines.
      let lines = length < packed.count - 8 ? 2 : 4
      expectDamage(packed + cut, "after line \(lines): packed", "\(length) bytes of a second file")
    }
    for index in [2, 30, packed.count - 6] {
      var changed = packed
      changed[index] ^= 4
      expectDamage(changed, "its bytes are not those that were packed", "byte \(index)")
    }
    expectDamage(packed + [1, 2, 3], "(incorrect header check)", "what follows")
  }
}

import Documents
import Foundation
import Testing

@testable import Corpus

struct TextDatasetTests {
  private func texts(
    _ content: String, _ documents: DatasetSpecification.Documents, separator: String = ""
  ) throws -> [String] {
    let folder = try DatasetFolder()
    var specification = DatasetSpecification(path: try folder.file("a.txt", content), format: .text)
    specification.documents = documents
    specification.documentSeparator = separator
    return try folder.texts(specification)
  }

  @Test func `A whole file is one document, to the last line end`() throws {
    #expect(try texts("a\n\nb\n", .wholeFile) == ["a\n\nb\n$"])
    #expect(try texts("a", .wholeFile) == ["a$"])
    #expect(try texts("", .wholeFile) == [])
    #expect(try texts(" \n\n", .wholeFile) == [])
  }

  @Test func `Windows line ends and a byte-order mark leave no trace`() throws {
    #expect(try texts("\u{FEFF}a\r\nb\r\n", .wholeFile) == ["a\nb\n$"])
    #expect(try texts("\u{FEFF}a\r\n\r\nb\r\n", .blankLine) == ["a$", "b$"])
    #expect(try texts("a\rb", .wholeFile) == ["a\rb$"])
  }

  @Test func `Each separator cuts where it says, and empty documents are passed over`() throws {
    #expect(try texts("a\nb\n\n\n \nc\n", .blankLine) == ["a\nb$", "c$"])
    #expect(try texts("\n\na", .blankLine) == ["a$"])
    #expect(try texts("a\n\nb", .line) == ["a$", "b$"])
    #expect(try texts("a\n\u{C}\nb\n\nc\u{C}d\u{C}\u{C}", .formFeed) == ["a$", "b\n\nc$", "d$"])
    #expect(try texts("a\n--\n\n--\nb --\n", .separatorLine, separator: "--") == ["a$", "b --$"])
  }

  @Test func `A folder is read in the order of its paths, without other and hidden files`() throws {
    let folder = try DatasetFolder()
    for (name, text) in [
      ("b.txt", "2"), ("a/z.txt", "1"), ("c.md", "x"), (".h.txt", "x"), (".g/a.txt", "x"),
    ] {
      _ = try folder.file(name, text)
    }
    let specification = DatasetSpecification(path: folder.path, format: .text)
    #expect(try folder.texts(specification) == ["1$", "2$"])
    let dataset = try TokenDataset.load(
      specification, packing: PackingSpecification(sequenceLength: 4), encoder: ByteEncoder())
    #expect(dataset.files == ["\(folder.path)/a/z.txt", "\(folder.path)/b.txt"])
    let jsonl = DatasetSpecification(path: folder.path, format: .jsonlText)
    let error = try #require(throws: DatasetError.self) { try folder.texts(jsonl) }
    #expect(error.description == "\(folder.path): the folder holds no file that ends in .jsonl")
    #expect(error.exitCode == .badData)
  }

  @Test func `A missing file ends with the status for missing input`() throws {
    let folder = try DatasetFolder()
    let path = folder.path + "/none.txt"
    let error = try #require(throws: DatasetError.self) {
      try folder.texts(DatasetSpecification(path: path, format: .text))
    }
    #expect(error.exitCode == .missingInput)
    #expect(error.description == "\(path): cannot find the data: No such file or directory")
  }

  @Test func `Bytes that are no UTF-8 are named with their line`() throws {
    let folder = try DatasetFolder()
    let path = try folder.file("a.txt", bytes: Array("ok\nné".utf8) + [0xFF, 10, 0xC3])
    let error = try #require(throws: DatasetError.self) {
      try folder.texts(DatasetSpecification(path: path, format: .text))
    }
    #expect(
      error.description == """
        \(path), line 2: not UTF-8 (byte 4 of the line is 0xFF); convert the file to UTF-8
        \(path), line 3: not UTF-8 (byte 1 of the line is 0xC3); convert the file to UTF-8
        """)
  }

  @Test(arguments: [1, 2, 3, 5, 64])
  func `Lines are the same however the buffer cuts them`(size: Int) throws {
    let folder = try DatasetFolder()
    let path = try folder.file("a.txt", "\u{FEFF}é\r\n\r\nabc\n\nlast\r")
    let reader = try LineReader(path: path, bufferSize: size)
    var lines: [String] = []
    while let line = try reader.next() { lines.append("\(line.number)\(try line.text())") }
    #expect(lines == ["1é", "2", "3abc", "4", "5last\r"])
  }

  @Test func `The ends of a text follow the tokenizer unless the recipe says otherwise`() throws {
    let folder = try DatasetFolder()
    var specification = DatasetSpecification(path: try folder.file("a.txt", "a"), format: .text)
    var encoder = ByteEncoder()
    encoder.addsBeginning = true
    func text() throws -> [String] {
      try folder.documents(specification, encoder: encoder).map { ByteEncoder.text($0.tokens) }
    }
    #expect(try text() == ["^a$"])
    specification.beginningOfText = .never
    specification.appendEndOfText = false
    #expect(try text() == ["a"])
    specification.beginningOfText = .always
    #expect(try text() == ["^a"])
    encoder.beginningOfText = nil
    let error = try #require(throws: DatasetError.self) { try text() }
    #expect(error.description.hasSuffix("no beginning-of-text token; set beginningOfText to never"))
  }

  @Test func `Skipping and limiting count documents`() throws {
    let folder = try DatasetFolder()
    var specification = DatasetSpecification(
      path: try folder.file("a.txt", "a\n\nb\nc\nd\n"), format: .text)
    specification.documents = .line
    specification.skippedDocuments = 1
    specification.maximumDocuments = 2
    #expect(try folder.texts(specification) == ["b$", "c$"])
  }
}

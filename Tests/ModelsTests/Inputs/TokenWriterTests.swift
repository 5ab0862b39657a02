import Documents
import TestSupport
import Testing

@testable import Models

@Suite struct TokenWriterTests {
  @Test(arguments: [0, 1, 5, 65_535, 65_536, 65_537, 131_073])
  func `A list is read back as it was written, whatever its length`(count: Int) throws {
    try withTemporaryFolder { folder in
      let tokens = (0..<count).map { Int32($0 % 50_000) }
      let path = "\(folder)/ids.json"
      try TokenWriter.write(tokens, to: path)
      let found = try #require(try DocumentFile(path).read().arrayValue)
      #expect(found.compactMap { $0.intValue.map(Int32.init) } == tokens)
    }
  }
}

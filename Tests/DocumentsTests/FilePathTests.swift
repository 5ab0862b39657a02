import Testing

@testable import Documents

@Suite struct FilePathTests {
  @Test(arguments: [
    ("e", ".", "e"), ("runs", ".", "runs"), ("runs/a", "runs", "a"), ("a/b", "a", "b"),
    ("/a", "/", "a"), ("/", "/", "/"), ("a/", ".", "a"), ("a//b//", "a", "b"),
    ("/a/b.h5", "/a", "b.h5"), ("../x", "..", "x"),
  ])
  func `A path is its folder and its name`(path: String, folder: String, name: String) {
    #expect(FilePath.folder(of: path) == folder)
    #expect(FilePath.name(of: path) == name)
  }

  @Test func `A document's paths start from its folder, unless they start from the root`() {
    #expect(FilePath.resolve("a/b.json", in: "runs") == "runs/a/b.json")
    #expect(FilePath.resolve("a/b.json", in: ".") == "a/b.json")
    #expect(FilePath.resolve("/a/b.json", in: "runs") == "/a/b.json")
    #expect(FilePath.isFolder("/") && !FilePath.isFolder("/dev/null"))
    #expect(!FilePath.isFolder("/no such folder"))
  }
}

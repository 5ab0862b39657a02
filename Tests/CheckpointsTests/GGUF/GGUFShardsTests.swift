import Testing

@testable import Checkpoints

/// A model that llama.cpp has split into several files.
@Suite struct GGUFShardsTests {
  private func write(
    _ folder: borrowing TemporaryFolder, _ name: String, _ tensor: String, number: UInt16,
    count: UInt16 = 2, tensors: Int32 = 2
  ) throws {
    var file = GGUFBuilder()
    if number == 0 { file.keys = [("general.architecture", .string("llama"))] }
    file.keys += [
      ("split.no", .uint16(number)), ("split.count", .uint16(count)),
      ("split.tensors.count", .int32(tensors)),
    ]
    file.tensors = [
      GGUFBuilder.Tensor(
        name: tensor, dimensions: [2],
        bytes: GGUFBuilder.floats([Float(number), 2]))
    ]
    try CheckpointsTests.write(file.bytes, to: folder.file(name))
  }

  @Test func `Any of the files, and their folder, is the whole model`() throws {
    let folder = try TemporaryFolder()
    try write(folder, "m-00001-of-00002.gguf", "a.weight", number: 0)
    try write(folder, "m-00002-of-00002.gguf", "b.weight", number: 1)
    for path in [folder.path] + [1, 2].map({ folder.file("m-0000\($0)-of-00002.gguf") }) {
      let model = try ModelSource.open(path)
      #expect(
        model.tensors.mapValues { $0.widened().elements } == [
          "a.weight": [0, 2], "b.weight": [1, 2],
        ])
      #expect(model.metadata["general.architecture"] == "llama")
      #expect(model.descriptions.map(\.name) == ["a.weight", "b.weight"])
    }
  }

  private func problem(_ path: String) -> String {
    let error = #expect(throws: CheckpointError.self) { try ModelSource.open(path) }
    return error?.description ?? ""
  }

  @Test func `Files that are missing, renamed or of another model are told in a line`() throws {
    let folder = try TemporaryFolder()
    let first = folder.file("m-00001-of-00002.gguf")
    try write(folder, "m-00001-of-00002.gguf", "a.weight", number: 0)
    #expect(
      problem(first)
        == "\(first): found one file of 2, and no m-00002-of-00002.gguf beside it, expected all of "
        + "them; the download is incomplete")
    try write(folder, "m-00002-of-00002.gguf", "b.weight", number: 0)
    #expect(problem(first).contains("split.no: found 0, expected 1, as the file's name says"))
    try write(folder, "m-00002-of-00002.gguf", "a.weight", number: 1)
    #expect(problem(first).contains("tensor a.weight: found it here and in m-00001-of-00002.gguf"))
    try write(folder, "m-00001-of-00002.gguf", "a.weight", number: 0, tensors: 5)
    try write(folder, "m-00002-of-00002.gguf", "b.weight", number: 1)
    #expect(
      problem(first).contains("split.tensors.count: found 2 tensors in all files, expected 5"))
    try write(folder, "alone.gguf", "a.weight", number: 0)
    #expect(problem(folder.file("alone.gguf")).contains("split.count: found one file of 2"))
  }

  @Test(arguments: [
    "m-00000-of-00002.gguf", "m-00003-of-00002.gguf", "m-1-of-2.gguf", "00001-of-00002.gguf",
    "m-00001-of-00002.bin", "m-00001-of-99999.gguf", "m-0000１-of-00002.gguf",
  ]) func `Other names are those of whole files`(name: String) {
    #expect(GGUFShards.Name(name) == nil)
  }
}

import Documents
import TensorCore
import Testing

@testable import Checkpoints

@Suite struct GGUFWriterTests {
  private func entry(
    _ name: String, _ shape: [Int], _ type: ElementType, from value: Float = 0
  ) -> GGUFWriter.Entry {
    let count = shape.reduce(1, *)
    let elements = (0..<count).map { value + Float($0 % 17) / 8 }
    return GGUFWriter.Entry(name, shape: shape, type: type) {
      StoredTensor(Tensor(elements, Shape(shape)))
    }
  }

  @Test func `A written file is read back: metadata, shapes, elements`() throws {
    let folder = try TemporaryFolder()
    let metadata = JSONObject([
      ("general.architecture", "llama"), ("a.count", 7), ("a.large", 5_000_000_000),
      ("a.below", -3), ("a.epsilon", .number(1e-5)), ("a.flag", true),
      ("a.words", ["x", "", "ü"]), ("a.types", [1, 3, -2]), ("a.scores", [.number(-1.5), 0.0]),
      ("a.none", []),
    ])
    let tensors = [
      entry("vector", [5], .float32), entry("matrix", [3, 64], .float16, from: -1),
      entry("mixes", [5, 1, 1, 4], .float32), entry("blocks", [2, 256], .q4_K),
      entry("words", [3, 32], .q8_0), entry("half", [2, 7], .bfloat16),
    ]
    let writer = GGUFWriter(metadata: metadata, tensors: tensors)
    let path = folder.file("model.gguf")
    try writer.write(to: path)
    let file = try GGUFFile(path)
    #expect(file.metadata == .object(metadata))
    #expect(file.mapping.bytes.count == writer.byteCount)
    #expect(file.tensors.map(\.name) == tensors.map(\.name))
    #expect(file.tensors.map(\.shape) == tensors.map(\.shape))
    #expect(file.tensors.map(\.type) == tensors.map(\.type.rawValue))
    for (description, entry) in zip(file.tensors, tensors) {
      let found = try file.stored(description).widened().elements
      let expected = entry.make().widened().elements
      let worst = zip(found, expected).map { abs($0 - $1) }.max() ?? 0
      #expect(worst < (entry.type.isQuantized ? 0.15 : 0.01), "\(entry.name)")
      if entry.type == .float32 { #expect(found == expected) }
    }
  }

  @Test func `What is of the type already is copied bit for bit, rows in their order`() throws {
    let folder = try TemporaryFolder()
    let bytes = (0..<4 * 20).map { UInt8(truncatingIfNeeded: $0 * 7) }
    let stored = StoredTensor(elementType: .q4_1, shape: [4, 32], copying: bytes)
    let path = folder.file("model.gguf")
    try GGUFWriter(
      metadata: JSONObject(),
      tensors: [
        GGUFWriter.Entry("a", shape: [3, 32], type: .q4_1) { stored.selectingRows([2, 0, 2]) }
      ]
    ).write(to: path)
    let file = try GGUFFile(path)
    let found = Array(file.mapping.bytes[file.tensors[0].bytes])
    #expect(found == Array(bytes[40..<60] + bytes[0..<20] + bytes[40..<60]))
  }

  @Test(arguments: [Float.nan, .infinity, 70_000])
  func `A number that a type cannot hold leaves no file`(value: Float) throws {
    let folder = try TemporaryFolder()
    let path = folder.file("model.gguf")
    let tensor = Tensor([Float](repeating: 1, count: 31) + [value], [1, 32])
    let write = { (type: ElementType) in
      try GGUFWriter(
        metadata: JSONObject(),
        tensors: [GGUFWriter.Entry("a", shape: [1, 32], type: type) { StoredTensor(tensor) }]
      ).write(to: path)
    }
    for type in [ElementType.float16, .q8_0] {
      let error = #expect(throws: CheckpointError.self) { try write(type) }
      #expect(error?.description.contains("tensor a: found the value") == true)
    }
    #expect(try folder.contents.isEmpty)
    try write(.bfloat16)
  }
}

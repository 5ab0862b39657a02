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
      let stored = try file.stored(description)
      let expected = entry.make().widened().elements
      if entry.type.isQuantized {
        // Q4_K fits its scales by least squares, so that no step bounds one number's error; that the
        // blocks are llama.cpp's to the bit is `QuantizationTests`' to prove.
        var blocks = [UInt8](repeating: 0, count: entry.byteCount)
        blocks.withUnsafeMutableBytes {
          narrow(expected, count: expected.count, to: entry.type, into: $0.baseAddress!)
        }
        #expect(Array(file.mapping.bytes[description.bytes]) == blocks, "\(entry.name)")
        let read = StoredTensor(
          elementType: entry.type, shape: entry.shape, copying: blocks)
        #expect(stored.widened().elements == read.widened().elements, "\(entry.name)")
      } else {
        // Eighths up to 2 have few bits enough for every float.
        #expect(stored.widened().elements == expected, "\(entry.name)")
      }
    }
  }

  /// A block's step is its largest number over 127, itself rounded to half precision.
  @Test func `Numbers in Q8_0 are off by half a step at most`() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("model.gguf")
    let words = entry("words", [3, 32], .q8_0, from: -1)
    try GGUFWriter(metadata: JSONObject(), tensors: [words]).write(to: path)
    let file = try GGUFFile(path)
    let found = try file.stored(file.tensors[0]).widened().elements
    let expected = words.make().widened().elements
    for row in 0..<3 {
      let block = row * 32..<(row + 1) * 32
      let largest = expected[block].map(\.magnitude).max()!
      let bound = largest / 127 / 2 + largest / 2048
      for index in block { #expect(abs(found[index] - expected[index]) <= bound, "\(index)") }
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

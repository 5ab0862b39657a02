import Documents
import Foundation
import TensorCore
import Testing

@testable import Checkpoints

@Suite struct SafetensorsWriterTests {
  /// The format taken apart without our reader.
  private struct Parsed {
    var header: JSONObject
    var data: [UInt8]

    init(_ path: String) throws {
      let all = try bytes(of: path)
      let length = all[..<8].enumerated().reduce(0) { $0 | Int($1.element) << (8 * $1.offset) }
      #expect((8 + length) % 8 == 0)
      let document = try JSONValue(parsing: all[8..<8 + length])
      header = try #require(document.objectValue)
      data = Array(all[(8 + length)...])
    }

    func tensor(_ name: String) throws -> [UInt8] {
      let field = try #require(header[name]?["data_offsets"]?.arrayValue)
      let offsets = field.compactMap(\.intValue)
      return Array(data[offsets[0]..<offsets[1]])
    }
  }

  private func stored(_ elements: [Float], _ shape: Shape) -> StoredTensor {
    StoredTensor(Tensor(elements, shape))
  }

  private func halves(_ bits: [UInt16], shape: [Int], type: ElementType) -> StoredTensor {
    let buffer = ByteBuffer(count: bits.count * 2)
    bits.withUnsafeBytes { buffer.base.copyMemory(from: $0.baseAddress!, byteCount: $0.count) }
    return StoredTensor(elementType: type, shape: shape, bytes: buffer.bytes, owner: buffer)
  }

  @Test func `one file holds the tensors as they are stored, the wide ones first`() throws {
    let folder = try TemporaryFolder()
    let names = try SafetensorsWriter().write(
      [
        ("b.half", halves([0x3C00, 0x7C01, 0x8001], shape: [3], type: .float16)),
        ("a.brain", halves([0x3F80, 0x7F81], shape: [2, 1], type: .bfloat16)),
        ("z", stored([1, .nan, -0], [1, 3])), ("none", stored([], [0, 4])),
        ("ö \"q\"", stored([2], [])),
      ], into: folder.path)
    #expect(names == ["model.safetensors"])
    #expect(try folder.contents == names)
    let file = try Parsed(folder.file("model.safetensors"))
    #expect(
      file.header.keys == ["__metadata__", "none", "z", "ö \"q\"", "a.brain", "b.half"])
    #expect(file.header["__metadata__"] == ["format": "pt"])
    #expect(
      file.header["a.brain"]
        == ["dtype": "BF16", "shape": [2, 1], "data_offsets": [16, 20]])
    #expect(file.header["b.half"]?["data_offsets"] == [20, 26])
    #expect(file.header["none"] == ["dtype": "F32", "shape": [0, 4], "data_offsets": [0, 0]])
    #expect(file.header["ö \"q\""]?["shape"] == [])
    #expect(file.data.count == 26)
    #expect(try file.tensor("b.half") == [0x00, 0x3C, 0x01, 0x7C, 0x01, 0x80])
    #expect(try file.tensor("a.brain") == [0x80, 0x3F, 0x81, 0x7F])
    #expect(
      try file.tensor("z").prefix(8) == [0, 0, 0x80, 0x3F]
        + withUnsafeBytes(of: Float.nan) { Array($0) })
  }

  @Test(arguments: [
    (ElementType.float32, [UInt8]([0, 0, 0x80, 0x3F, 0, 0x80, 0x80, 0x3F])),
    (.bfloat16, [0x80, 0x3F, 0x80, 0x3F]), (.float16, [0, 0x3C, 0x04, 0x3C]),
  ]) func `tensors are converted to the asked type`(type: ElementType, expected: [UInt8]) throws {
    let folder = try TemporaryFolder()
    let values = stored([1, 1 + 0x1p-8], [2])
    try SafetensorsWriter(elementType: type).write([("w", values)], into: folder.path)
    let file = try Parsed(folder.file("model.safetensors"))
    #expect(file.header["w"]?["dtype"] == .string(type.rawValue))
    #expect(try file.tensor("w") == expected)
  }

  @Test func `rows are written in the tensor's order, in blocks and at once`() throws {
    let folder = try TemporaryFolder()
    let rows = 5000
    let matrix = stored((0..<rows * 300).map { Float($0 / 300 % 256) }, [rows, 300])
    let reversed = matrix.selectingRows((0..<Int32(rows)).reversed())
    let expected = (0..<rows).reversed().flatMap { row in
      [Float](repeating: Float(row % 256), count: 300)
    }
    try SafetensorsWriter().write([("w", reversed)], into: folder.path)
    let same = try Parsed(folder.file("model.safetensors")).tensor("w")
    #expect(same == expected.withUnsafeBytes { Array($0) })
    try SafetensorsWriter(elementType: .bfloat16).write([("w", reversed)], into: folder.path)
    let narrow = try Parsed(folder.file("model.safetensors")).tensor("w")
    #expect(narrow == expected.map(bfloat16Bits).withUnsafeBytes { Array($0) })
  }

  @Test func `quantised tensors become floats`() throws {
    let folder = try TemporaryFolder()
    let block = ByteBuffer(count: 34)
    // Q8_0: scale 0.5, then 32 signed bytes.
    block.base.storeBytes(of: 0x3800, as: UInt16.self)
    for index in 0..<32 {
      block.base.storeBytes(of: Int8(index - 16), toByteOffset: 2 + index, as: Int8.self)
    }
    let tensor = StoredTensor(
      elementType: .q8_0, shape: [1, 32], bytes: block.bytes, owner: block)
    try SafetensorsWriter().write([("w", tensor)], into: folder.path)
    let file = try Parsed(folder.file("model.safetensors"))
    #expect(file.header["w"]?["dtype"] == "F32")
    let expected = (0..<32).map { Float($0 - 16) / 2 }
    #expect(try file.tensor("w") == expected.withUnsafeBytes { Array($0) })
  }

  @Test func `shards are filled in order and named by an index`() throws {
    let folder = try TemporaryFolder()
    let tensors =
      (0..<5).map { index in
        (name: "layer.\(4 - index)", tensor: stored([Float(index), 0, 0], [3]))
      } + [(name: "big", tensor: stored([Float](repeating: 1, count: 9), [9]))]
    let writer = SafetensorsWriter(maximumShardBytes: 24)
    let names = try writer.write(tensors, into: folder.path)
    let shards = (1...4).map { "model-0000\($0)-of-00004.safetensors" }
    #expect(names == shards + ["model.safetensors.index.json"])
    #expect(try folder.contents == names.sorted())
    let index = try DocumentFile(folder.file("model.safetensors.index.json")).read()
    #expect(index["metadata"] == ["total_size": 96])
    #expect(
      index["weight_map"]?.objectValue?.members.map { "\($0.key) \($0.value.stringValue ?? "")" }
        == [
          "big \(shards[3])", "layer.0 \(shards[2])", "layer.1 \(shards[1])",
          "layer.2 \(shards[1])", "layer.3 \(shards[0])", "layer.4 \(shards[0])",
        ])
    #expect(
      try Parsed(folder.file(shards[1])).header.keys == ["__metadata__", "layer.1", "layer.2"])
    let first = try names.map { try bytes(of: folder.file($0)) }
    try writer.write(tensors, into: folder.path)
    #expect(try names.map { try bytes(of: folder.file($0)) } == first)
  }

  @Test func `files of another division are not mixed with`() throws {
    let folder = try TemporaryFolder()
    let tensors = [(name: "a", tensor: stored([1], [1])), (name: "b", tensor: stored([2], [1]))]
    try SafetensorsWriter().write(tensors, into: folder.path)
    let error = try #require(throws: PublicationError.self) {
      try SafetensorsWriter(maximumShardBytes: 4).write(tensors, into: folder.path)
    }
    #expect(
      error.description
        == "\(folder.path): found 1 files of another model or division (model.safetensors), "
        + "expected none; remove them or choose another folder")
    #expect(try folder.contents == ["model.safetensors"])
  }

  @Test func `every failing call is reported and leaves no partial file`() throws {
    let folder = try TemporaryFolder()
    let tensors = [(name: "a", tensor: stored([1], [1])), (name: "b", tensor: stored([2], [1]))]
    let writer = SafetensorsWriter(maximumShardBytes: 4)
    var failures = 0
    while true {
      let counter = OperationCounter()
      let failing = failures + 1
      let fault: Fault = { _, _ in counter.next() == failing ? ENOSPC : 0 }
      do {
        try withCalls(fault) { _ = try writer.write(tensors, into: folder.path) }
        break
      } catch let error as PublicationError {
        failures += 1
        #expect(error.exitCode == .inputOutput)
      }
      #expect(try folder.contents.allSatisfy { !$0.hasPrefix(".") })
    }
    #expect(failures > 20)
    #expect(
      try Parsed(folder.file("model-00002-of-00002.safetensors")).tensor("b") == [0, 0, 0, 64])
  }
}

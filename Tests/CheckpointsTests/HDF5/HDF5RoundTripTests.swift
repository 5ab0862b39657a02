import Documents
import Foundation
import TensorCore
import Testing

@testable import Checkpoints

@Suite struct HDF5RoundTripTests {
  private let awkward: [Float] = [
    0, -0, 1, -1, .pi, .leastNonzeroMagnitude, -.leastNormalMagnitude, .greatestFiniteMagnitude,
    .infinity, -.infinity, .nan, Float(bitPattern: 0x7FC1_2345),
  ]

  @Test func `floats and integers come back bit for bit`() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("a.h5")
    let name = "model.layers.0.self_attn.q_proj.lora_A.weight"
    let file = try HDF5File.create(path)
    try file.write(name, awkward, shape: [3, 4])
    try file.write("optimizer/first/moment", Tensor([1, 2, 3, 4, 5, 6], [1, 2, 3]))
    try file.write("tokens/validation", [Int32.min, -1, 0, .max])
    try file.write("offsets", [Int64.min, 0, .max], shape: [1, 3])
    try file.write("recipe", text: "{\"ö\": 1}")
    try file.close()

    let read = try HDF5File.open(path)
    #expect(
      try read.names == [
        name, "optimizer/first/moment", "tokens/validation", "offsets", "recipe",
      ])
    #expect(try read.floats(name).map(\.bitPattern) == awkward.map(\.bitPattern))
    #expect(try read.shape(of: name) == [3, 4])
    let moment = try read.tensor("optimizer/first/moment", shape: [1, 2, 3])
    #expect(moment.shape == [1, 2, 3])
    #expect(moment.elements == [1, 2, 3, 4, 5, 6])
    #expect(try read.int32s("tokens/validation") == [.min, -1, 0, .max])
    #expect(try read.int64s("offsets") == [.min, 0, .max])
    #expect(try read.text("recipe") == "{\"ö\": 1}")
    #expect(try read.type(of: "offsets") == .int64)
    #expect(try read.has("optimizer/first"))
    #expect(try !read.has("optimizer/second"))
    #expect(try !read.has("model"))
    try read.close()
  }

  @Test func `a lock that another process holds for a moment keeps nobody from reading`() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("a.h5")
    let file = try HDF5File.create(path)
    try file.write("a", [1, 2] as [Float])
    try file.close()
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    try #require(descriptor >= 0)
    defer { close(descriptor) }
    // As a child of this process does between its making and its program.
    try #require(flock(descriptor, LOCK_EX | LOCK_NB) == 0)
    let read = try HDF5File.open(path)
    #expect(try read.floats("a") == [1, 2])
    try read.close()
  }

  @Test func `bfloat16 rounds to nearest, ties to even`() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("a.h5")
    let patterns: [(UInt32, UInt32)] = [
      (0x3F80_8000, 0x3F80_0000), (0x3F81_8000, 0x3F82_0000), (0x3F80_8001, 0x3F81_0000),
      (0xBF80_7FFF, 0xBF80_0000), (0x7F7F_FFFF, 0x7F80_0000), (0x7F80_0000, 0x7F80_0000),
      (0x7F80_0001, 0x7FC0_0000), (0x8000_0000, 0x8000_0000), (0x0000_8001, 0x0001_0000),
    ]
    let file = try HDF5File.create(path)
    try file.write("a", patterns.map { Float(bitPattern: $0.0) }, type: .bfloat16)
    try file.close()
    let read = try HDF5File.open(path)
    #expect(try read.type(of: "a") == .bfloat16)
    #expect(try read.floats("a").map(\.bitPattern) == patterns.map(\.1))
    let stored = try read.dataset("a").storedTensor()
    #expect(stored.elementType == .bfloat16)
    #expect(stored.bytes.count == 2 * patterns.count)
  }

  @Test(arguments: [HDF5ElementType.float32, .bfloat16])
  func `rows are written and read in any portions`(type: HDF5ElementType) throws {
    let folder = try TemporaryFolder()
    let path = folder.file("a.h5")
    // Multiples of 1/8 below 32 are exact in both types.
    let values = (0..<13 * 6).map { Float($0 % 256) / 8 }
    let file = try HDF5File.create(path)
    let dataset = try file.createDataset(
      "layers/3", shape: [13, 2, 3], type: type, rowsPerChunk: 4)
    try values.withUnsafeBufferPointer {
      for (start, count) in [(5, 3), (0, 5), (8, 0), (8, 5)] {
        try dataset.writeRows(start: start, count: count, from: $0.baseAddress! + start * 6)
      }
    }
    try file.close()

    let read = try HDF5File.open(path).dataset("layers/3")
    #expect(read.rowLength == 6)
    for (start, count) in [(0, 13), (3, 7), (12, 1), (13, 0)] {
      var rows = [Float](repeating: -1, count: count * 6 + 1)
      try rows.withUnsafeMutableBufferPointer {
        try read.readRows(start: start, count: count, into: $0.baseAddress!)
      }
      #expect(rows.dropLast() == values[start * 6..<(start + count) * 6])
      #expect(rows.last == -1)
    }
  }

  @Test func `portions larger than a conversion block keep their places`() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("a.h5")
    let rows = 3000
    let width = 701  // 2.1 million elements, blocks of 1,495 rows
    let tensor = Tensor((0..<rows * width).map { Float($0 / width % 128) }, [rows, width])
    let file = try HDF5File.create(path)
    try file.write("a", tensor, type: .bfloat16)
    try file.write("b", StoredTensor(tensor))
    try file.close()
    let read = try HDF5File.open(path)
    #expect(try read.floats("a") == tensor.elements)
    #expect(try read.floats("b") == tensor.elements)
    try read.close()
    let again = try HDF5File.create(folder.file("b.h5"))
    let stored = try HDF5File.open(path).dataset("a").storedTensor()
    try again.write("a", stored)
    try again.close()
    #expect(try HDF5File.open(folder.file("b.h5")).type(of: "a") == .bfloat16)
    #expect(try HDF5File.open(folder.file("b.h5")).floats("a") == tensor.elements)
  }

  @Test func `tensors without elements, and of a single one, keep their shape`() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("a.h5")
    let file = try HDF5File.create(path)
    try file.write("none", Tensor([], [0]))
    try file.write("no rows", Tensor([], [0, 5]), type: .bfloat16)
    try file.write("empty rows", StoredTensor(Tensor([], [5, 0])))
    try file.write("no tokens", [Int32]())
    try file.write("scalar", [2.5], shape: [])
    try file.write("one", [1.5], shape: [1, 1], type: .bfloat16)
    try file.write("no text", text: "")
    try file.close()
    let read = try HDF5File.open(path)
    #expect(try read.shape(of: "none") == [0])
    #expect(try read.shape(of: "no rows") == [0, 5])
    #expect(try read.shape(of: "empty rows") == [5, 0])
    for name in ["none", "no rows", "empty rows"] { #expect(try read.floats(name).isEmpty) }
    #expect(try read.int32s("no tokens").isEmpty)
    #expect(try read.shape(of: "scalar") == [])
    #expect(try read.floats("scalar") == [2.5])
    #expect(try read.floats("one") == [1.5])
    #expect(try read.text("no text") == "")
  }

  @Test func `attributes of files, groups and datasets come back`() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("a.h5")
    let long = String(repeating: "lång ", count: 9_000)
    let file = try HDF5File.create(path)
    let dataset = try file.write("layers/3", [1.5], type: .bfloat16)
    try file.attributes.set("program", to: "linearize 0.1 — ö")
    try file.attributes.set("empty", to: "")
    try file.attributes.set("step", to: .integer(.max))
    try file.attributes.set("loss", to: 0.1)
    try file.attributes.set("shape", to: [2, -3])
    try file.attributes.set("no shape", to: [])
    try file.attributes.set("recipe", to: .string(long))
    for index in 0..<20 { try dataset.attributes.set("seed.\(index)", to: .integer(index)) }
    try file.attributes(of: "layers").set("unit", to: "tokens")
    #expect(throws: HDF5Error.self) {
      try file.attributes.set("huge", to: .string(String(repeating: "x", count: 60_001)))
    }
    try file.close()

    let read = try HDF5File.open(path)
    #expect(
      try read.attributes.names
        == ["empty", "loss", "no shape", "program", "recipe", "shape", "step"])
    #expect(try read.attributes.string("program") == "linearize 0.1 — ö")
    #expect(try read.attributes.string("empty") == "")
    #expect(try read.attributes.integer("step") == .max)
    #expect(try read.attributes.number("loss") == 0.1)
    #expect(try read.attributes.integers("shape") == [2, -3])
    #expect(try read.attributes.integers("no shape") == [])
    #expect(try read.attributes.string("recipe") == long)
    #expect(try read.attributes.value("missing") == nil)
    #expect(try read.attributes(of: "layers").string("unit") == "tokens")
    #expect(try read.dataset("layers/3").attributes.integer("seed.19") == 19)
  }

  @Test func `equal content gives equal bytes, without times`() throws {
    let folder = try TemporaryFolder()
    for name in ["a", "b"] {
      let file = try HDF5File.create(folder.file(name))
      for layer in 0..<12 {
        let dataset = try file.createDataset(
          "layers/\(layer)/w", shape: [10, 7], type: .bfloat16, rowsPerChunk: 4)
        try (0..<70).map(Float.init).withUnsafeBufferPointer {
          try dataset.writeRows(start: 0, count: 10, from: $0.baseAddress!)
        }
        try dataset.attributes.set("layer", to: .integer(layer))
      }
      try file.attributes.set("program", to: "linearize")
      try file.close()
    }
    let first = try bytes(of: folder.file("a"))
    #expect(try first == bytes(of: folder.file("b")))
    // Version 2 object headers carry four times when bit 5 of their flags is set.
    let headers = first.indices.dropLast(6).filter {
      Array(first[$0..<$0 + 5]) == Array("OHDR".utf8) + [2]
    }
    #expect(headers.count >= 25)
    for header in headers { #expect(first[header + 5] & 0x20 == 0) }
  }
}

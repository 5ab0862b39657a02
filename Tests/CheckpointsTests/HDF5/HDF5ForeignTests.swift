import Documents
import Foundation
import Testing

@testable import Checkpoints

/// What `scripts/goldens/hdf5_interop.py` had h5py write.
@Suite struct HDF5ForeignTests {
  private let path = Bundle.module.bundlePath + "/Goldens/hdf5/foreign.h5"
  private let values = (0..<24).map { Float($0) / 8 - 1 }

  @Test(arguments: [
    ("contiguous", HDF5ElementType.float32), ("half", .float16), ("double", .float64),
    ("compressed", .float32), ("brain", .bfloat16),
  ]) func `h5py's floats are read, whatever their type and layout`(
    name: String, type: HDF5ElementType
  ) throws {
    let dataset = try HDF5File.open(path).dataset("model/layers.0/\(name)")
    #expect(dataset.type == type)
    #expect(dataset.shape == [4, 6])
    #expect(try dataset.tensor().elements == values)
    var rows = [Float](repeating: -1, count: 12)
    try rows.withUnsafeMutableBufferPointer {
      try dataset.readRows(start: 1, count: 2, into: $0.baseAddress!)
    }
    #expect(rows == Array(values[6..<18]))
  }

  @Test func `big-endian floats are turned around`() throws {
    #expect(try HDF5File.open(path).floats("bigEndian") == values)
  }

  @Test func `integers, scalars and nothing at all are read`() throws {
    let file = try HDF5File.open(path)
    #expect(try file.int32s("tokens") == [1, -2, 3, 4])
    #expect(try file.int64s("offsets") == [1 << 40, -1])
    #expect(try file.floats("scalar") == [2.5])
    #expect(try file.tensor("empty", shape: [0, 3]).elements == [])
  }

  @Test func `attributes of any text and width are read`() throws {
    let attributes = try HDF5File.open(path).attributes
    #expect(try attributes.string("architecture") == "llama – ö")
    #expect(try attributes.string("bytes") == "fixed")
    #expect(try attributes.integer("layers") == 2)
    #expect(try attributes.number("layers") == 2)
    #expect(try attributes.number("theta") == 10000.5)
    #expect(try attributes.number("epsilon") == 0.25)
    #expect(try attributes.integers("kinds") == [1, 2, 3])
    let error = try #require(throws: HDF5Error.self) { try attributes.value("unreadable") }
    #expect(error.detail == "found another type; expected a string, integers or a number")
  }

  @Test func `a model is read from other writers' files, whatever else they hold`() throws {
    let model = try ModelSource.open(
      Bundle.module.bundlePath + "/Goldens/hdf5/published.h5")
    #expect(model.configuration == ["model_type": "llama"])
    #expect(
      model.tensors.keys.sorted()
        == ["a", "b", "c", "d", "e", "f", "g", "h", "i"].map { "\($0).weight" })
    #expect(model.tensors["a.weight"]?.widened().elements == Array(repeating: 0, count: 4096))
    #expect(model.tensors["g.weight"]?.widened().elements == Array(repeating: 1, count: 4096))
    #expect(model.tensors["h.weight"]?.numbers == model.tensors["i.weight"]?.numbers)
    for name in ["b", "c", "d", "e", "f"] {
      #expect(model.tensors["\(name).weight"]?.widened().elements == values, "\(name)")
    }
  }

  @Test func `names are those inside the file`() throws {
    #expect(
      try HDF5File.open(path).names == [
        "bigEndian", "elsewhere", "empty", "halfWritten", "model/layers.0/brain",
        "model/layers.0/compressed", "model/layers.0/contiguous", "model/layers.0/double",
        "model/layers.0/half", "offsets", "scalar", "tokens", "unmarked", "unwritten", "words",
      ])
  }

  @Test(arguments: [
    ("soft", "there is no such dataset"), ("external", "there is no such dataset"),
    ("elsewhere", "its elements are stored in another file or dataset"),
    ("unwritten", "0 bytes are stored for [4, 6] of F32"),
    ("halfWritten", "48 bytes are stored for [4, 6] of F32"),
    ("unmarked", "found another than F32, F16"), ("words", "found another than F32, F16"),
  ]) func `what would be read wrongly, or from elsewhere, is refused`(
    name: String, detail: String
  ) throws {
    let file = try HDF5File.open(path)
    let error = try #require(throws: HDF5Error.self) { try file.dataset(name) }
    #expect(error.detail.hasPrefix(detail))
    #expect(error.exitCode == .badData)
    #expect(error.object == name)
  }

  @Test(
    arguments: [
      ([0x02, 1, 2, 3], [1, 2, 3]),
      // Two bytes back, five bytes: what was just written is read again.
      ([0x01, 7, 8, 0x60, 0x01], [7, 8, 7, 8, 7, 8, 7]),
      ([0x00, 9, 0xE0, 0x02, 0x00], [UInt8](repeating: 9, count: 12)),
      // Cut short, before the beginning, too much.
      ([0x02, 1, 2], nil), ([0x60, 0x00], nil), ([0x00, 9, 0x60], nil), ([0x00, 9, 0xE0], nil),
      ([0x00, 9, 0xE0, 0xFF, 0x00], nil),
    ] as [([UInt8], [UInt8]?)])
  func `LZF's steps are literal bytes and steps back`(packed: [UInt8], expected: [UInt8]?) {
    var output = [UInt8](repeating: 0, count: 16)
    let count = packed.withUnsafeBytes { packed in
      output.withUnsafeMutableBytes { HDF5LZF.unpack(packed, into: $0) }
    }
    #expect(count.map { Array(output.prefix($0)) } == expected)
  }
}

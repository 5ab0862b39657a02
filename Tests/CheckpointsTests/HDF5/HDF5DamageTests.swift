import Documents
import Foundation
import TensorCore
import Testing

@testable import Checkpoints

@Suite struct HDF5DamageTests {
  /// Everything a small file holds, read back.
  private struct Contents: Equatable {
    var names: [String] = []
    var tensors: [[UInt32]] = []
    var tokens: [Int32] = []
    var program = ""
    var steps: [Int] = []

    init(of path: String) throws {
      let file = try HDF5File.open(path)
      names = try file.names
      tensors = try ["layers/0/w", "layers/1/w"].map { name in
        try file.tensor(name, shape: [9, 5]).elements.map(\.bitPattern)
      }
      tensors.append(try file.floats("scalar").map(\.bitPattern))
      tokens = try file.int32s("tokens")
      program = try file.attributes.string("program")
      steps = try file.attributes(of: "layers").integers("steps")
      try file.close()
    }
  }

  private func writeSmallFile(_ path: String) throws {
    let file = try HDF5File.create(path)
    let values = (0..<45).map { Float($0) / 4 }
    try file.write("layers/0/w", values, shape: [9, 5])
    try file.write("layers/1/w", values.reversed(), shape: [9, 5], type: .bfloat16)
    try file.write("tokens", (0..<40).map { Int32($0 * $0) })
    try file.write("scalar", [2.5], shape: [])
    try file.attributes.set("program", to: "linearize")
    try file.attributes(of: "layers").set("steps", to: [3, 5, 8])
    try file.close()
  }

  @Test func `no flipped bit goes unnoticed`() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("a.h5")
    try writeSmallFile(path)
    let intact = try Contents(of: path)
    let original = try bytes(of: path)
    var generator = SeededGenerator(seed: 7, purpose: "flips")
    var refusals = 0
    for flip in 0..<400 {
      let position = Int(generator.next() % UInt64(original.count))
      var damaged = original
      damaged[position] ^= 1 << UInt8(generator.next() % 8)
      let damagedPath = folder.file("\(flip).h5")
      try write(damaged, to: damagedPath)
      do {
        let contents = try Contents(of: damagedPath)
        #expect(contents == intact, "silent change by a flip at byte \(position)")
      } catch let error as HDF5Error {
        #expect(error.exitCode == .badData)
        #expect(error.file == damagedPath)
        refusals += 1
      }
    }
    // The rest hit bytes that hold nothing.
    #expect(refusals > 100)
  }

  @Test func `every truncated file is refused`() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("a.h5")
    try writeSmallFile(path)
    let original = try bytes(of: path)
    for length in stride(from: 0, to: original.count, by: 61) + [original.count - 1] {
      let damagedPath = folder.file("\(length).h5")
      try write(Array(original[..<length]), to: damagedPath)
      #expect(throws: HDF5Error.self, "cut to \(length) of \(original.count)") {
        try Contents(of: damagedPath)
      }
    }
  }

  @Test func `a file whose writer did not finish is refused`() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("a.h5")
    let file = try HDF5File.create(path)
    try file.write("a", [Float](repeating: 1, count: 100_000))
    // As it stands on the disk when the writer is killed here.
    let halfway = try bytes(of: path)
    try write(halfway, to: folder.file("killed.h5"))
    try file.close()
    let error = try #require(throws: HDF5Error.self) {
      try HDF5File.open(folder.file("killed.h5"))
    }
    #expect(error.exitCode == .badData)
  }

  @Test func `what is missing or of another kind is named`() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("a.h5")
    try writeSmallFile(path)
    let file = try HDF5File.open(path)
    func message(_ body: () throws -> Void) -> String? {
      do {
        try body()
        return nil
      } catch {
        return "\(error)"
      }
    }
    #expect(
      message { _ = try file.floats("layers/2/w") }
        == "\(path): layers/2/w: cannot open it: there is no such dataset; "
        + "the file has layers/0/w, layers/1/w, tokens, scalar")
    #expect(
      message { _ = try file.tensor("layers/1/w", shape: [5, 9]) }
        == "\(path): layers/1/w: cannot read it: found the shape [9, 5], expected [5, 9]")
    #expect(
      message { _ = try file.floats("tokens") }
        == "\(path): tokens: cannot read it as floats: found elements of I32")
    #expect(
      message { _ = try file.int32s("layers/0/w") }
        == "\(path): layers/0/w: cannot read it: found elements of F32, expected I32")
    #expect(
      message { _ = try file.attributes.integer("seed") }
        == "\(path): @seed: cannot read it: there is no such attribute; expected an integer")
    #expect(
      message { _ = try file.attributes.integer("program") }
        == "\(path): @program: cannot read it: found another kind of value; expected an integer")
    #expect(message { _ = try file.dataset("layers") }?.contains("open it as a dataset") == true)
    let missing = try #require(throws: HDF5Error.self) { try HDF5File.open(folder.file("b.h5")) }
    #expect(missing.exitCode == .missingInput)
    #expect(
      missing.description == "\(folder.file("b.h5")): cannot open it: there is no such file")
  }

  @Test func `rows that were never written are not read as zeros`() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("a.h5")
    let file = try HDF5File.create(path)
    let dataset = try file.createDataset("a", shape: [9, 1], type: .float32, rowsPerChunk: 4)
    try [Float](repeating: 1, count: 8).withUnsafeBufferPointer {
      try dataset.writeRows(start: 0, count: 8, from: $0.baseAddress!)
    }
    try file.close()
    let error = try #require(throws: HDF5Error.self) { try HDF5File.open(path).dataset("a") }
    #expect(error.exitCode == .badData)
    #expect(error.detail == "2 of its 3 chunks were written")
  }

  @Test func `no file and no dataset is written over`() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("a.h5")
    try writeSmallFile(path)
    let original = try bytes(of: path)
    let error = try #require(throws: HDF5Error.self) { try HDF5File.create(path) }
    #expect(error.exitCode == .inputOutput)
    #expect(try bytes(of: path) == original)
    let file = try HDF5File.create(folder.file("b.h5"))
    try file.write("a/b", [1.5])
    let repeated = try #require(throws: HDF5Error.self) { try file.write("a/b", [2.5]) }
    #expect(repeated.detail == "it exists already")
  }
}

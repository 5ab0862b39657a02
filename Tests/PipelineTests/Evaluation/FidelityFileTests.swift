import Checkpoints
import Foundation
import Results
import TestSupport
import Testing

@testable import Pipeline

@Suite struct FidelityFileTests {
  private func head(_ seed: Double) -> FidelityResult.Head {
    .init(
      meanSquaredError: seed, relativeError: seed + 1, divergence: seed + 2,
      teacherEntropy: seed + 3, studentEntropy: seed + 4, monotonicity: seed + 5,
      teacherReach: seed + 6, studentReach: seed + 7)
  }

  private var result: FidelityResult {
    FidelityResult(
      layers: [
        .init(index: 2, heads: [head(0), head(10), head(20)]),
        .init(index: 5, heads: [head(30), head(40), head(50)]),
      ], logitDivergence: 0.25, topAgreement: 0.75, tokens: 77,
      maps: (0..<2).map { index in
        .init(
          layer: 2 + index, head: index, size: 2, tokens: 3,
          teacher: [1, 0, 0.5, Float(index)], student: [0.25, 0, Float(index), 2])
      })
  }

  private func written(_ result: FidelityResult, _ body: (HDF5File) throws -> Void) throws {
    try withTemporaryFolder { folder in
      let path = folder + "/fidelity.h5"
      try FidelityFile.write(result, to: path, provenance: [("model", "here")])
      let file = try HDF5File.open(path)
      try body(file)
      try file.close()
    }
  }

  @Test func `Every number of a head is a dataset of layers and heads`() throws {
    try written(result) { (file: HDF5File) throws in
      #expect(try file.tensor("heads/mean_squared_error").elements == [0, 10, 20, 30, 40, 50])
      let names = [
        "mean_squared_error", "relative_error", "divergence", "teacher_entropy",
        "student_entropy", "monotonicity", "teacher_reach", "student_reach",
      ]
      for (offset, name) in names.enumerated() {
        #expect(try file.shape(of: "heads/\(name)") == [2, 3])
        #expect(try file.tensor("heads/\(name)").elements[1] == Float(10 + offset))
        let attributes = try file.attributes(of: "heads/\(name)")
        #expect(try attributes.names == ["definition", "dimensions", "unit"])
      }
      #expect(try file.int32s("layers") == [2, 5])
    }
  }

  @Test func `What belongs to the whole stands in the file's attributes`() throws {
    try written(result) { (file: HDF5File) throws in
      #expect(try file.attributes.string("format") == "linearize fidelity 1")
      #expect(try file.attributes.integer("tokens") == 77)
      #expect(try file.attributes.number("logit_divergence") == 0.25)
      #expect(try file.attributes.number("top_agreement") == 0.75)
      #expect(try file.attributes.string("model") == "here")
    }
  }

  @Test func `Maps stand together, and are left out when there are none`() throws {
    try written(result) { (file: HDF5File) throws in
      #expect(try file.shape(of: "maps/teacher") == [2, 2, 2])
      #expect(try file.tensor("maps/student").elements == [0.25, 0, 0, 2, 0.25, 0, 1, 2])
      #expect(try file.int32s("maps/layer") == [2, 3])
      #expect(try file.int32s("maps/head") == [0, 1])
      #expect(try file.attributes(of: "maps/teacher").integer("tokens") == 3)
    }
    var plain = result
    plain.maps = []
    try written(plain) { (file: HDF5File) throws in #expect(try !file.has("maps")) }
  }

  @Test func `Nothing converted, and numbers that are none, are written as they are`() throws {
    var empty = result
    empty.layers = []
    try written(empty) { (file: HDF5File) throws in
      #expect(try file.shape(of: "heads/divergence") == [0, 0])
    }
    var broken = result
    broken.layers[0].heads[1].divergence = .nan
    try written(broken) { (file: HDF5File) throws in
      #expect(try file.tensor("heads/divergence").elements[1].isNaN)
    }
  }
}

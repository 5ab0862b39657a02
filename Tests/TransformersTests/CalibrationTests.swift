import Differentiation
import Documents
import Foundation
import Operations
import Students
import TensorCore
import TestSupport
import Testing

@testable import Transformers

/// Students whose starts are computed of their teacher.
@Suite struct CalibrationTests {
  private let sequences = [24, 17].map { length in
    (
      tokens: (0..<length).map { Int32($0 * 7 % 90) }, layout: SequenceLayout(length: length)
    )
  }

  private func specification(_ softmaxLayers: [JSONValue] = []) throws -> StudentSpecification {
    try DocumentReader.read(
      [
        "mixer": "rad-rwkv6", "decayStart": "calibrated", "softmaxLayers": .array(softmaxLayers),
      ], StudentSpecification.init)
  }

  private func student(_ teacher: Decoder, _ specification: StudentSpecification) throws -> Decoder
  {
    let student = Decoder(configuration: teacher.configuration, weights: teacher.weights)
    try student.install(specification, seed: 5, location: "test")
    student.calibrate(specification, of: teacher, on: sequences, seed: 5)
    return student
  }

  @Test
  func `every head's decay matches the mean distance of the teacher's attention, layer by layer`()
    throws
  {
    let teacher = try TeacherGolden("llama").teacher()
    let student = try student(teacher, try specification())
    let shape = teacher.configuration.attention
    var mass = [[Double]](repeating: [Double](repeating: 0, count: shape.queryHeads), count: 2)
    var distance = mass
    for (tokens, layout) in sequences {
      let tape = Tape(isRecording: false)
      teacher.forEachLayer(tokens, ForwardPass(layout, on: tape)) { visit in
        let weights = softmaxAttentionWeights(
          queries: visit.input.queries.value, keys: visit.input.keys.value, shape: shape,
          segment: layout.segments[0]
        ).elements
        for head in 0..<shape.queryHeads {
          for query in tokens.indices {
            for key in Decoder.calibrationSinks..<max(query + 1, Decoder.calibrationSinks) {
              let weight = Double(weights[(head * tokens.count + query) * tokens.count + key])
              mass[visit.layer.index][head] += weight
              distance[visit.layer.index][head] += weight * Double(query - key)
            }
          }
        }
        return visit.forward()
      }
    }
    for layer in student.layers {
      let speeds = try #require(
        layer.mixer.parameters.first { $0.name == "time_decay" }
      ).value.elements
      for (channel, speed) in speeds.enumerated() {
        let head = channel / shape.headDim
        let expected = distance[layer.index][head] / mass[layer.index][head]
        #expect(abs(1 / exp(Double(speed)) - expected) < 1e-4 * expected, "\(layer.index), \(head)")
      }
    }
  }

  @Test func `the same teacher and text give the same start, and layers that keep softmax keep it`()
    throws
  {
    let teacher = try TeacherGolden("llama").teacher()
    let specification = try specification([0])
    let students = try (0..<2).map { _ in try student(teacher, specification) }
    #expect(students[0].convertedLayers == [1])
    let starts = students.map { $0.parameters.map { $0.parameter.value.elements } }
    #expect(starts[0] == starts[1])
    var fresh = Decoder(configuration: teacher.configuration, weights: teacher.weights)
    try fresh.install(specification, seed: 5, location: "test")
    #expect(fresh.parameters.map(\.name) == students[0].parameters.map(\.name))
    #expect(fresh.parameters.map { $0.parameter.value.elements } != starts[0])
    fresh = students[1]
    #expect(fresh.lengthLimit == nil)
  }

  @Test func `a layer shows its projections and the norms of its heads`() throws {
    let teacher = try TeacherGolden("qwen3").teacher()
    let attention = teacher.configuration.attention
    let head = AttentionStatistics.Head(
      distance: 2, entropy: 1, sinkMass: 0, queryNorm: 1, keyNorm: 1)
    let layer = teacher.layers[1].replaced(
      [AttentionStatistics.Head](repeating: head, count: attention.queryHeads))
    #expect(layer.queryNorm?.shape == [attention.headDim])
    #expect(layer.keyNorm?.shape == [attention.headDim])
    for (role, width) in [
      (ProjectionRole.queries, attention.queryWidth), (.keys, attention.keyWidth),
      (.values, attention.keyWidth),
    ] {
      #expect(layer.projection(role).shape == [width, teacher.configuration.hiddenSize])
    }
    // Queries of the stream through them are the layer's own.
    let x = Tensor(repeating: 0.5, [1, teacher.configuration.hiddenSize])
    let found = matrixProduct(x, layer.projection(.values), rightTransposed: true).elements
    let tape = Tape(isRecording: false)
    let expected = teacher.layers[1].project(tape.constant(x), .values, on: tape).value.elements
    #expect(relativeRMS(found, expected.map(Double.init)) < 1e-5)
  }
}

import Differentiation
import Documents
import Operations
import Results
import Students
import TensorCore
import Testing
import Transformers

@testable import Evaluation

@Suite struct FarShareTests {
  private func linearized(_ decoder: Decoder, _ document: JSONValue) throws -> Decoder {
    let student = Decoder(configuration: decoder.configuration, weights: decoder.weights)
    let specification = try DocumentReader.read(document) { StudentSpecification($0) }
    try student.install(specification, seed: 3, location: "test")
    return student
  }

  private static let cases: [(JSONValue, Bool)] = [
    (["mixer": "sliding-window", "windowSize": 4, "sinks": 1], true),
    (["memory": [:], "window": ["size": 4, "sinks": 1], "policy": ["kind": "gated"]], true),
    (["memory": [:], "window": ["size": 4, "sinks": 1]], false),
  ]

  @Test(arguments: cases)
  func `What is of keys beyond the window is what the definition says, teacher beside student`(
    document: JSONValue, hasMass: Bool
  ) throws {
    let teacher = try tinyDecoder()
    let student = try linearized(teacher, document)
    let tokens = randomTokens(24, seed: 6)
    let result = FidelityMeasurement(teacher: teacher, student: student).run([
      EvaluationSequence(tokens: tokens)
    ])
    let tape = Tape(isRecording: false)
    let layout = SequenceLayout(length: 24)
    let input = LayerVisit(
      teacher.layers[0], stream: tape.constant(teacher.embed(tokens, layout: layout)),
      ForwardPass(layout, on: tape)
    ).input
    let shape = teacher.configuration.attention
    let window = SoftmaxWindowMixer(shape, window: .sliding(4), sinks: 1)
    for (mixer, mass, output) in [
      (
        teacher.layers[0].mixer, \FidelityResult.FarShare.teacherMass,
        \FidelityResult.FarShare.teacherOutput
      ),
      (student.layers[0].mixer, \.studentMass!, \.studentOutput),
    ] {
      let outputs = [mixer, window].map {
        $0.forward(input, on: tape).value.elements.map(Double.init)
      }
      for (head, found) in result.layers[0].heads.enumerated() {
        let far = try #require(found.far)
        #expect((far.studentMass != nil) == hasMass)
        // The first query that has such a key is that at 5: its window begins at 2.
        let rows = 5..<24
        let differences = rows.map { row in
          let place = row * shape.queryWidth + head * shape.headDim
          return (place..<place + shape.headDim).reduce(into: (0.0, 0.0)) {
            $0.0 += (outputs[0][$1] - outputs[1][$1]) * (outputs[0][$1] - outputs[1][$1])
            $0.1 += outputs[0][$1] * outputs[0][$1]
          }
        }
        let expected =
          (differences.reduce(0) { $0 + $1.0 } / differences.reduce(0) { $0 + $1.1 }).squareRoot()
        #expect(abs(far[keyPath: output] - expected) < 1e-5)
        guard hasMass || mixer is SoftmaxAttentionMixer else { continue }
        let weighing = try #require(mixer as? any AttentionWeightMixer)
        let weights = attentionWeights(of: weighing, input, shape: shape).elements
        let masses = rows.map { row in
          (1..<row - 3).reduce(0.0) { $0 + Double(weights[(head * 24 + row) * 24 + $1]) }
        }
        #expect(abs(far[keyPath: mass] - masses.reduce(0, +) / Double(rows.count)) < 1e-5)
      }
    }
    if document["policy"] == nil, !hasMass {
      #expect(result.layers[0].heads.allSatisfy { $0.far?.studentOutput == 0 })
    }
  }

  @Test func `Of a student without a window nothing is said`() throws {
    let teacher = try tinyDecoder()
    let student = try linearized(teacher, ["mixer": "linear", "featureMap": ["kind": "relu"]])
    let result = FidelityMeasurement(teacher: teacher, student: student).run([
      EvaluationSequence(tokens: randomTokens(24, seed: 6))
    ])
    #expect(result.layers.flatMap(\.heads).allSatisfy { $0.far == nil })
  }
}

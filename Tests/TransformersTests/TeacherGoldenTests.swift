import Checkpoints
import Differentiation
import Documents
import Foundation
import Operations
import Students
import TensorCore
import TestSupport
import Testing
import Transformers

/// Teachers against transformers. Whatever type the weights are stored in, both sides compute with
/// the same 32-bit values, so one tolerance serves 32, bfloat16 and float16 checkpoints.
@Suite struct TeacherGoldenTests {
  static let tolerance = 1e-5

  @Test func `every family that is registered has a golden, and every golden is listed`() throws {
    let families = try Set(
      (TeacherGolden.all + TeacherGolden.encoders).map { try $0.teacher().configuration.family })
    #expect(families == Set(TeacherFamilies.all.map { $0.modelType }))
    let manifest = try JSONValue(
      parsing: try Data(
        contentsOf: TeacherGolden.folder.appendingPathComponent("manifest.json")))
    #expect(
      Set(manifest["families"]?.objectValue?.keys ?? [])
        == Set(
          (TeacherGolden.all + TeacherGolden.lengthDependent + TeacherGolden.encoders).map(\.name)))
  }

  @Test(arguments: TeacherGolden.allSpellings)
  func `logits are those of transformers`(golden: TeacherGolden) throws {
    let teacher = try golden.teacher()
    let logits = teacher.logits(
      try golden.tokens().flatMap { $0 }, layout: SequenceLayout(sequences: 2, length: 24))
    let expected = try #require(try golden.expected()["logits"])
    #expect(expected.shape == [2, 24, teacher.configuration.vocabularySize])
    #expect(relativeRMS(logits.elements, expected.doubles) < Self.tolerance)
  }

  @Test(arguments: TeacherGolden.allSpellings + TeacherGolden.encoders)
  func `hidden states before every block and after the last norm are those of transformers`(
    golden: TeacherGolden
  ) throws {
    let teacher = try golden.teacher()
    let layers = teacher.configuration.layers
    var observed: [Tensor] = []
    let last = teacher.hiddenStates(
      try golden.tokens().flatMap { $0 }, layout: SequenceLayout(sequences: 2, length: 24),
      on: Tape(isRecording: false)
    ) { observed.append($0) }.value
    #expect(observed.count == layers + 1)
    let expected = try golden.expected()
    for layer in 0..<layers {
      let state = try #require(expected["hidden_states.\(layer)"])
      #expect(
        relativeRMS(observed[layer].elements, state.doubles) < Self.tolerance, "layer \(layer)")
    }
    let state = try #require(expected["hidden_states.\(layers)"])
    #expect(relativeRMS(last.elements, state.doubles) < Self.tolerance)
  }

  @Test(arguments: TeacherGolden.allSpellings + TeacherGolden.encoders)
  func `attention weights of every layer are those of transformers`(golden: TeacherGolden) throws {
    let teacher = try golden.teacher()
    let layout = SequenceLayout(sequences: 2, length: 24)
    let tape = Tape(isRecording: false)
    let expected = try golden.expected()
    var inputs: [Tensor] = []
    _ = teacher.hiddenStates(try golden.tokens().flatMap { $0 }, layout: layout, on: tape) {
      inputs.append($0)
    }
    for layer in teacher.layers {
      let input = LayerVisit(
        layer, stream: tape.constant(inputs[layer.index]), ForwardPass(layout, on: tape)
      ).input
      let weights = layout.segments.flatMap {
        softmaxAttentionWeights(
          queries: input.queries.value, keys: input.keys.value,
          shape: teacher.configuration.attention, segment: $0, window: layer.teacherMixer.window
        ).elements
      }
      let attention = try #require(expected["attentions.\(layer.index)"])
      #expect(relativeRMS(weights, attention.doubles) < Self.tolerance, "layer \(layer.index)")
    }
  }

  @Test(arguments: TeacherGolden.all)
  func `a gradient to the embeddings equals differences of the logits`(golden: TeacherGolden) throws
  {
    let teacher = try golden.teacher()
    let tokens = try golden.tokens()[0]
    let layout = SequenceLayout(length: tokens.count)
    let embedded = teacher.embed(tokens, layout: layout)
    var draw = TestValues(5)
    let upstream = draw.normal(embedded.count)
    let forward = { (x: Tensor, tape: Tape) in
      let leaf = tape.leaf(x)
      let last = teacher.forEachLayer(leaf, ForwardPass(layout, on: tape)) { $0.forward() }
      return (leaf, teacher.finalNorm(last, on: tape))
    }
    let tape = Tape()
    let (leaf, output) = forward(embedded, tape)
    tape.backward(from: [(output, Tensor(upstream.map(Float.init), output.value.shape))])
    let gradient = try #require(leaf.gradient).elements
    let norm = dot(gradient, gradient.map(Double.init)).squareRoot()
    for _ in 0..<3 {
      let direction = draw.normal(embedded.count)
      let slope =
        numericalGradient(at: [0], step: 1e-3) { step in
          let moved = zip(embedded.elements, direction).map { $0 + Float(step[0] * $1) }
          let (_, output) = forward(Tensor(moved, embedded.shape), Tape(isRecording: false))
          return dot(output.value.elements, upstream)
        }[0]
      #expect(abs(dot(gradient, direction) - slope) < 3e-3 * norm, "\(slope), norm \(norm)")
    }
  }
}

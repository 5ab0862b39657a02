import Differentiation
import Documents
import Foundation
import Operations
import Students
import TensorCore
import TestSupport
import Testing

/// A student behind short convolutions and a golden of transformers' own class for it; the script's `draw`
/// says how everything is drawn.
struct ConvolvedGolden: Sendable, CustomTestStringConvertible {
  let mixer: String
  let file: String
  let hiddenSize: Int

  static let all = [
    // scripts/goldens/gated_delta_net.py
    ConvolvedGolden(mixer: "gated-delta-net", file: "qwen3_5", hiddenSize: 12),
    // scripts/goldens/mamba2.py
    ConvolvedGolden(mixer: "mamba-2", file: "granitemoehybrid", hiddenSize: 16),
  ]

  var testDescription: String { mixer }

  func golden() throws -> Golden { try Golden("\(mixer)/\(file)") }

  func draw(_ name: String, _ shape: Shape) -> Tensor {
    var generator = SeededGenerator(seed: 5, purpose: "\(mixer).\(name)")
    let middles = ["norm.weight": 1.0, "dt_bias": -2, "A_log": 0.5]
    let width = ["stream", "upstream"].contains(name) ? 3.0 : 1.0
    let elements = (0..<shape.count).map { _ in
      Float((middles[name] ?? 0) + width * (generator.uniform() - 0.5))
    }
    return Tensor(elements, shape)
  }

  func freshMixer() throws -> any TokenMixer {
    let mixer = try StudentCase(document: ["mixer": .string(self.mixer)]).freshMixer(
      LayerGeometry(
        layer: 1, layers: 2,
        attention: AttentionShape(queryHeads: 4, keyValueHeads: 2, headDim: 8),
        hiddenSize: hiddenSize, hasRotaryPositions: true))
    for parameter in mixer.parameters {
      parameter.value = draw(parameter.name, parameter.value.shape)
    }
    return mixer
  }

  func input(_ stream: Variable, firstPosition: Int = 0, on tape: Tape) -> MixerInput {
    let rows = stream.value.shape[0]
    let layout = SequenceLayout(
      rows: rows, segments: [.init(start: 0, count: rows, firstPosition: firstPosition)])
    return MixerInput(stream: stream, layer: Layer(self), pass: ForwardPass(layout, on: tape)) {
      preconditionFailure("the student projects its input itself, not \($0)")
    }
  }

  private final class Layer: LayerProjections {
    private let testCase: ConvolvedGolden

    init(_ testCase: ConvolvedGolden) { self.testCase = testCase }

    func project(_ x: Variable, _ role: ProjectionRole, on tape: Tape) -> Variable {
      preconditionFailure("the student reads no norms of queries and keys")
    }

    func projectWithoutNorm(_ x: Variable, _ role: ProjectionRole, on tape: Tape) -> Variable {
      let (name, width) =
        switch role {
        case .queries: ("q_proj", 32)
        case .keys: ("k_proj", 16)
        case .values: ("v_proj", 16)
        }
      return tape.linear(
        x, tape.constant(testCase.draw(name, [width, testCase.hiddenSize])))
    }

    func rotate(_ x: Variable, layout: SequenceLayout, on tape: Tape) -> Variable {
      preconditionFailure("the student reads no positions")
    }
  }
}

/// Holds gated delta nets and Mamba-2 against transformers' own.
@Suite struct ConvolvedGoldenTests {
  @Test(arguments: ConvolvedGolden.all, [1, 3, 4, 63, 64, 65, 200])
  func `outputs and every gradient are those of transformers' own class`(
    testCase: ConvolvedGolden, length: Int
  ) throws {
    let golden = try testCase.golden()
    let mixer = try testCase.freshMixer()
    let tape = Tape()
    let stream = tape.leaf(testCase.draw("stream", [length, testCase.hiddenSize]))
    let output = mixer.forward(testCase.input(stream, on: tape), on: tape)
    let check = { (name: String, found: Tensor?) in
      let found = try #require(found, "\(length).\(name)")
      let expected = try golden.expected("\(length).\(name)")
      // Gradients that vanish for a single token leave rounding alone.
      #expect(relativeRMS(found.elements, expected, floor: 1e-6) < 1e-5, "\(length).\(name)")
    }
    try check("output", output.value)
    tape.backward(from: [(output, testCase.draw("upstream", [length, 32]))])
    for parameter in mixer.parameters {
      try check(
        "gradient.\(parameter.name)", parameter.gradient ?? Tensor(zeros: parameter.value.shape))
    }
    try check("gradient.stream", stream.gradient)
  }

  @Test(arguments: ConvolvedGolden.all, [1, 3, 7, 64])
  func `decoding, by one and in pieces, gives the outputs of transformers' own class`(
    testCase: ConvolvedGolden, pieceLength: Int
  ) throws {
    var state = SequenceReader(try testCase.freshMixer())
    let stream = testCase.draw("stream", [200, testCase.hiddenSize])
    var output: [Float] = []
    for start in stride(from: 0, to: 200, by: pieceLength) {
      let rows = copiedRows(stream, start..<min(200, start + pieceLength))
      output += state.advance { position, tape in
        testCase.input(tape.constant(rows), firstPosition: position, on: tape)
      }
    }
    #expect(relativeRMS(output, try testCase.golden().expected("200.output")) < 1e-5)
  }
}

import Differentiation
import Documents
import Foundation
import Operations
import Students
import TensorCore
import TestSupport
import Testing

/// Holds the gated delta net against transformers' own (scripts/goldens/gated_delta_net.py, whose
/// `draw` says how everything is drawn), and says how it starts.
@Suite struct GatedDeltaNetTests {
  private static let geometry = LayerGeometry(
    layer: 1, layers: 2, attention: AttentionShape(queryHeads: 4, keyValueHeads: 2, headDim: 8),
    hiddenSize: 12, hasRotaryPositions: true)

  private static func draw(_ name: String, _ shape: Shape) -> Tensor {
    var generator = SeededGenerator(seed: 5, purpose: "gated-delta-net.\(name)")
    let middles = ["norm.weight": 1.0, "dt_bias": -2, "A_log": 0.5]
    let width = ["stream", "upstream"].contains(name) ? 3.0 : 1.0
    let elements = (0..<shape.count).map { _ in
      Float((middles[name] ?? 0) + width * (generator.uniform() - 0.5))
    }
    return Tensor(elements, shape)
  }

  private final class Layer: LayerProjections {
    func project(_ x: Variable, _ role: ProjectionRole, on tape: Tape) -> Variable {
      preconditionFailure("a gated delta net reads no norms of queries and keys")
    }

    func projectWithoutNorm(_ x: Variable, _ role: ProjectionRole, on tape: Tape) -> Variable {
      let (name, width) =
        switch role {
        case .queries: ("q_proj", 32)
        case .keys: ("k_proj", 16)
        case .values: ("v_proj", 16)
        }
      return tape.linear(
        x, tape.constant(GatedDeltaNetTests.draw(name, [width, 12])))
    }

    func rotate(_ x: Variable, layout: SequenceLayout, on tape: Tape) -> Variable {
      preconditionFailure("a gated delta net reads no positions")
    }
  }

  private static func mixer() throws -> any TokenMixer {
    let mixer = try StudentCase(document: ["mixer": "gated-delta-net"]).freshMixer(geometry)
    for parameter in mixer.parameters {
      parameter.value = draw(parameter.name, parameter.value.shape)
    }
    return mixer
  }

  private static func input(_ stream: Variable, firstPosition: Int = 0, on tape: Tape) -> MixerInput
  {
    let rows = stream.value.shape[0]
    let layout = SequenceLayout(
      rows: rows, segments: [.init(start: 0, count: rows, firstPosition: firstPosition)])
    return MixerInput(stream: stream, layer: Layer(), pass: ForwardPass(layout, on: tape)) {
      preconditionFailure("a gated delta net projects its input itself, not \($0)")
    }
  }

  @Test(arguments: [1, 3, 4, 63, 64, 65, 200])
  func `outputs and every gradient are those of transformers' Qwen3.5`(length: Int) throws {
    let golden = try Golden("gated-delta-net/qwen3_5")
    let mixer = try Self.mixer()
    let tape = Tape()
    let stream = tape.leaf(Self.draw("stream", [length, 12]))
    let output = mixer.forward(Self.input(stream, on: tape), on: tape)
    let check = { (name: String, found: Tensor?) in
      let found = try #require(found, "\(length).\(name)")
      let expected = try golden.expected("\(length).\(name)")
      // Gradients that vanish for a single token leave rounding alone.
      #expect(relativeRMS(found.elements, expected, floor: 1e-6) < 1e-5, "\(length).\(name)")
    }
    try check("output", output.value)
    tape.backward(from: [(output, Self.draw("upstream", [length, 32]))])
    for parameter in mixer.parameters {
      try check(
        "gradient.\(parameter.name)", parameter.gradient ?? Tensor(zeros: parameter.value.shape))
    }
    try check("gradient.stream", stream.gradient)
  }

  @Test(arguments: [1, 3, 7, 64])
  func `decoding, by one and in pieces, gives the outputs of transformers' Qwen3.5`(
    pieceLength: Int
  ) throws {
    var state = SequenceReader(try Self.mixer())
    let stream = Self.draw("stream", [200, 12])
    var output: [Float] = []
    for start in stride(from: 0, to: 200, by: pieceLength) {
      let rows = copiedRows(stream, start..<min(200, start + pieceLength))
      output += state.advance { position, tape in
        Self.input(tape.constant(rows), firstPosition: position, on: tape)
      }
    }
    let expected = try Golden("gated-delta-net/qwen3_5").expected("200.output")
    #expect(relativeRMS(output, expected) < 1e-5)
  }

  private func parameters(_ document: JSONObject, _ geometry: LayerGeometry = StudentCase.geometry)
    throws -> [String: Tensor]
  {
    var document = document
    document["mixer"] = "gated-delta-net"
    let mixer = try StudentCase(document: .object(document)).freshMixer(geometry)
    return Dictionary(uniqueKeysWithValues: mixer.parameters.map { ($0.name, $0.value) })
  }

  @Test
  func `a fresh one has the identity for convolutions, and heads that forget at their own rate`()
    throws
  {
    let found = try parameters([:])
    #expect(
      found.mapValues(\.shape) == [
        "q_conv1d.weight": [24, 1, 4], "k_conv1d.weight": [12, 1, 4],
        "v_conv1d.weight": [12, 1, 4],
        "in_proj_z.weight": [24, 20], "in_proj_a.weight": [4, 20], "in_proj_b.weight": [4, 20],
        "A_log": [4], "dt_bias": [4], "norm.weight": [6],
      ])
    for name in ["q_conv1d", "k_conv1d", "v_conv1d"] {
      let taps = try #require(found["\(name).weight"]).elements
      #expect(taps.indices.allSatisfy { taps[$0] == ($0 % 4 == 3 ? 1 : 0) })
    }
    let small = try #require(try parameters(["initialTap": 0.25])["q_conv1d.weight"]).elements
    #expect(small[3] == 0.25 && small[2] == 0)
    for name in ["in_proj_z.weight", "in_proj_a.weight", "in_proj_b.weight", "A_log"] {
      #expect(try #require(found[name]).elements.allSatisfy { $0 == 0 }, "\(name)")
    }
    let distances = try #require(found["dt_bias"]).elements.map { 1 / log(1 + exp(Double($0))) }
    for (distance, expected) in zip(distances, [4.0, 16, 64, 256]) {
      #expect(abs(distance / expected - 1) < 1e-4)
    }
  }

  @Test func `a calibrated one forgets as the teacher looks back, and gates to the teacher's size`()
    throws
  {
    // A stream that points one way but for noise, and outputs of a size of their own in every head.
    var draw = TestValues(4)
    let noise = draw.normal(500 * 20, scale: 0.2)
    let stream = noise.indices.map { Float(noise[$0] + Double($0 % 20) / 10 - 1) }
    let sizes = [0.1, 0.5, 1, 3]
    let outputs = draw.normal(500 * 24).enumerated().map { Float($1 * sizes[$0 % 24 / 6]) }
    var moments = LayerMoments(hiddenSize: 20, queryWidth: 24)
    for rows in [0..<200, 200..<500] {
      moments.add(
        stream: copiedRows(Tensor(stream, [500, 20]), rows),
        outputs: copiedRows(Tensor(outputs, [500, 24]), rows))
    }
    var geometry = StudentCase.geometry
    geometry.replaced = ReplacedLayer(
      statistics: [3, 40, nil, 0].map {
        AttentionStatistics.Head(distance: $0, entropy: 1, sinkMass: 0, queryNorm: 1, keyNorm: 1)
      }, moments: moments, projections: [:])
    let found = try parameters(["gateStart": "calibrated", "decayStart": "calibrated"], geometry)
    let distances = try #require(found["dt_bias"]).elements.map { 1 / log(1 + exp(Double($0))) }
    for (distance, expected) in zip(distances, [3, 40, 64, 0.25]) {
      #expect(abs(distance / expected - 1) < 1e-4)
    }
    let gates = matrixProduct(
      Tensor(stream, [500, 20]), try #require(found["in_proj_z.weight"]), rightTransposed: true)
    for (head, size) in sizes.enumerated() {
      let gate = (0..<500).map { row -> Double in
        let z = Double(gates.elements[row * 24 + head * 6])
        return z / (1 + exp(-z))
      }
      let mean = gate.reduce(0, +) / 500
      #expect(abs(mean / size - 1) < 0.1, "\(head): \(mean) for \(size)")
      let deviation = (gate.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 500).squareRoot()
      #expect(deviation < 0.2 * mean, "\(head)")
    }
    let plain = try parameters(["gateStart": "zero", "decayStart": "scheduled"], geometry)
    for (name, value) in try parameters([:]) { #expect(plain[name]?.elements == value.elements) }
  }
}

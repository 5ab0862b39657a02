import Differentiation
import Documents
import Operations
import Students
import TensorCore
import TestSupport
import Testing

/// Against scripts/goldens/policies.py: torch, float64, quadratic and masked.
@Suite struct PolicyGoldenTests {
  /// As that script has them: policy, keys of the memory, window.
  static let cases: [(name: String, policy: JSONObject, keys: String, window: String)] = [
    ("shared", ["kind": "shared"], "older", "sliding"),
    ("average", ["kind": "average"], "all", "sliding"),
    ("average-older", ["kind": "average"], "older", "terrace"),
    ("normed-average", ["kind": "normed-average", "trainShare": true], "all", "sliding"),
    ("alpha-sum", ["kind": "alpha-sum"], "all", "sliding"),
    ("gated", ["kind": "gated"], "older", "sliding"),
    ("gated-terrace", ["kind": "gated"], "older", "terrace"),
    ("projected-sum", ["kind": "projected-sum"], "older", "sliding"),
  ]

  @Test(arguments: 0..<cases.count, [1, 9, 70])
  func `Outputs and every gradient equal torch's`(index: Int, length: Int) throws {
    let (name, policy, keys, window) = Self.cases[index]
    let golden = try Golden("policies/\(name)-\(length)")
    let mixer = try StudentCase(document: [
      "policy": .object(policy), "memory": ["keys": .string(keys)],
      "window": ["kind": .string(window), "size": 5, "sinks": 2],
    ]).freshMixer()
    for parameter in mixer.parameters {
      let value = try golden[parameter.name]
      try #require(value.count == parameter.value.count, "\(parameter.name)")
      parameter.value = value.reshaped(parameter.value.shape)
    }
    let tape = Tape()
    let inputs = try ["queries", "keys", "values"].map { tape.leaf(try golden[$0]) }
    let output = mixer.forward(
      MixerInput(
        queries: inputs[0], keys: inputs[1], values: inputs[2],
        layout: SequenceLayout(length: length)), on: tape)
    #expect(relativeRMS(output.value.elements, try golden.expected("output")) < 3e-6)
    tape.backward(from: [(output, try golden["upstream"])])
    var gradients = Dictionary(
      uniqueKeysWithValues: zip(["queries", "keys", "values"], inputs.map(\.gradient)))
    for parameter in mixer.parameters { gradients[parameter.name] = parameter.gradient }
    for (name, gradient) in gradients {
      let expected = try golden.expected("gradient.\(name)")
      let found = gradient?.elements ?? [Float](repeating: 0, count: expected.count)
      if expected.allSatisfy({ $0 == 0 }) {
        // Nothing depends on it: the memory holds no key.
        #expect(found.allSatisfy { $0 == 0 }, "\(name)")
      } else if norm(expected) < 1e-9 {
        let bound = try leftOfOneKey(golden, memoryReads: keys)
        #expect(norm(found.map(Double.init)) < bound, "\(name)")
      } else {
        #expect(relativeRMS(found, expected) < 2e-5, "\(name)")
      }
    }
  }

  private func norm(_ x: some Sequence<Double>) -> Double {
    x.reduce(0) { $0 + $1 * $1 }.squareRoot()
  }

  /// What single precision may leave of a gradient that is 0 because there is one key, whose weight
  /// is 1 whatever queries, keys and maps are.
  ///
  /// The gradient for the logarithm of a head's weight, before weights are divided by their sum, is
  /// the difference of two equal terms, upstream · value and upstream · output. Either is known to
  /// the rounding u of the coordinates, which is u a for a = Σ |upstream output|: 2 u a is left. The
  /// logarithm's own derivatives are at most scale ‖x‖ through softmax, and √2 ‖x‖ through a map,
  /// whose halves are softmaxes; x is the operand, or the map's weights, that they are a product
  /// with.
  private func leftOfOneKey(_ golden: Golden, memoryReads keys: String) throws -> Double {
    let (heads, group, headDim) = (4, 2, 6)
    let values = { (name: String, head: Int, size: Int) in
      try golden.expected(name)[head * size..<(head + 1) * size]
    }
    let left = try (0..<heads).map { head in
      let upstream = try values("upstream", head, headDim)
      let output = try values("output", head, headDim)
      let size = zip(upstream, output).reduce(0) { $0 + abs($1.0 * $1.1) }
      let operand = max(
        norm(try values("queries", head, headDim)),
        norm(try values("keys", head / group, headDim)))
      if keys == "older" { return size * operand / Double(headDim).squareRoot() }
      let maps = try ["q", "k"].map {
        norm(try values("feature_map_\($0).mlp.layer", head, headDim * headDim))
      }
      return size * max(operand, maps.max()!) * 2.0.squareRoot()
    }
    return 2 * 0x1p-24 * norm(left)
  }
}

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
      // Of one key, or where the window holds all, some gradients are 0, of which single precision
      // leaves 1e-6: the floor says what that is held against.
      #expect(relativeRMS(found, expected, floor: 1e-2) < 2e-5, "\(name)")
    }
  }
}

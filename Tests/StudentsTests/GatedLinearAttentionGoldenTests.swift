import Operations
import TensorCore
import TestSupport
import Testing

/// Against scripts/goldens/gated_linear_attention.py: torch, float64, token by token.
@Suite struct GatedLinearAttentionGoldenTests {
  static let lengths = [1, 15, 16, 17, 63, 64, 65, 500]

  @Test(arguments: ["mixed", "fast"], lengths)
  func `outputs, last states and gradients equal those of torch's recurrence`(
    decays: String, length: Int
  ) throws {
    let golden = try Golden("gated/\(decays)-\(length)")
    let shape = RecurrentShape(queryHeads: 2, keyDim: 6, scale: 1 / Float(6).squareRoot())
    let layout = SequenceLayout(length: length)
    let names = ["queries", "keys", "values", "logDecays"]
    let inputs = try names.map { try golden[$0] }
    let result = gatedLinearAttention(
      queries: inputs[0], keys: inputs[1], values: inputs[2], decay: .channel(inputs[3]),
      shape: shape, layout: layout)
    #expect(relativeRMS(result.numerator.elements, try golden.expected("output")) < 2e-6)
    #expect(relativeRMS(result.final.sums.elements, try golden.expected("state")) < 2e-6)
    let found = gatedLinearAttentionGradients(
      numerator: try golden["upstream"], queries: inputs[0], keys: inputs[1], values: inputs[2],
      decay: .channel(inputs[3]), shape: shape, layout: layout)
    let gradients = [found.queries, found.keys, found.values, try #require(found.decay)]
    for (name, gradient) in zip(names, gradients) {
      let expected = try golden.expected("gradient.\(name)")
      #expect(relativeRMS(gradient.elements, expected) < 4e-6, "\(name)")
    }
  }

  @Test func `group norm and its gradients equal torch's`() throws {
    let golden = try Golden("gated/group-norm")
    let (x, weight, bias) = (try golden["x"], try golden["weight"], try golden["bias"])
    let (output, statistics) = groupNorm(
      x, weight: weight, bias: bias, headDim: 8, epsilon: 8e-5)
    #expect(relativeRMS(output.elements, try golden.expected("output")) < 1e-6)
    let found = groupNormGradients(
      try golden["upstream"], x: x, weight: weight, statistics: statistics, headDim: 8,
      parameterGradients: true)
    for (name, gradient) in [("x", found.input), ("weight", found.weight), ("bias", found.bias)] {
      let elements = try #require(gradient?.elements)
      #expect(relativeRMS(elements, try golden.expected("gradient.\(name)")) < 2e-6, "\(name)")
    }
  }
}

import Differentiation
import Documents
import Operations
import Students
import TensorCore
import TestSupport
import Testing

/// A golden of LoLCATs' attention and the recipe of the student that it is of.
struct HybridGoldenCase: Sendable, CustomTestStringConvertible {
  let file: String
  let document: JSONValue
  let length: Int
  var testDescription: String { "\(file), \(length) tokens" }

  static let all: [HybridGoldenCase] = recipes.flatMap { file, document in
    [1, 15, 16, 17, 33, 64].map { HybridGoldenCase(file: file, document: document, length: $0) }
  }

  private static let recipes: [(String, JSONValue)] = [
    ("hybrid-linear", ["mixer": "linear", "featureMap": [:]]),
    ("hybrid-sliding", ["mixer": "sliding-window", "windowSize": 16, "featureMap": [:]]),
    (
      "hybrid-sliding-sinks",
      ["mixer": "sliding-window", "windowSize": 16, "sinks": 4, "featureMap": [:]]
    ),
    ("hybrid-terrace", ["mixer": "terrace-window", "windowSize": 16, "featureMap": [:]]),
    (
      "hybrid-terrace-sinks",
      ["mixer": "terrace-window", "windowSize": 16, "sinks": 4, "featureMap": [:]]
    ),
    (
      "hybrid-terrace-affine-sinks",
      [
        "mixer": "terrace-window", "windowSize": 16, "sinks": 4, "affineAttentionFactors": true,
        "featureMap": [:],
      ]
    ),
  ]

  static let attention = AttentionShape(queryHeads: 2, keyValueHeads: 1, headDim: 8)

  /// The recipe's mixer with the golden's parameters, by the golden's names for them.
  func mixer(_ golden: Golden) throws -> (
    mixer: any WeightTrainedMixer, parameters: [String: Parameter]
  ) {
    let mixer = try #require(
      try StudentCase(document: document).freshMixer(
        LayerGeometry(layer: 0, attention: Self.attention, hiddenSize: 16))
        as? any WeightTrainedMixer)
    let names = [
      "feature_map_q.mlp.layer": "query_weight", "feature_map_k.mlp.layer": "key_weight",
      "window_factors": "window_factors",
    ]
    var parameters: [String: Parameter] = [:]
    for parameter in mixer.parameters {
      let name = try #require(names[parameter.name])
      parameter.value = try golden["\(length).\(name)"].reshaped(parameter.value.shape)
      parameters[name] = parameter
    }
    return (mixer, parameters)
  }
}

@Suite struct HybridGoldenTests {
  private struct Inputs {
    let queries, keys, values: Variable
    let layout: SequenceLayout

    init(_ testCase: HybridGoldenCase, _ golden: Golden, on tape: Tape) throws {
      let length = testCase.length
      queries = tape.leaf(try golden["\(length).queries"].reshaped([length, 16]))
      keys = tape.leaf(try golden["\(length).keys"].reshaped([length, 8]))
      values = tape.leaf(try golden["\(length).values"].reshaped([length, 8]))
      layout = SequenceLayout(length: length)
    }

    var mixerInput: MixerInput {
      MixerInput(queries: queries, keys: keys, values: values, layout: layout)
    }
  }

  @Test(arguments: HybridGoldenCase.all)
  func `outputs, the teacher's outputs and both losses are those of the reference`(
    testCase: HybridGoldenCase
  ) throws {
    let golden = try Golden(testCase.file)
    let (mixer, _) = try testCase.mixer(golden)
    let prefix = "\(testCase.length)."
    let tape = Tape()
    let input = try Inputs(testCase, golden, on: tape)
    let output = mixer.forward(input.mixerInput, on: tape).value
    #expect(relativeRMS(output.elements, try golden.expected(prefix + "output")) < 1e-5)

    let teacher = SoftmaxAttentionMixer(shape: HybridGoldenCase.attention)
      .forward(input.mixerInput, on: tape).value
    #expect(relativeRMS(teacher.elements, try golden.expected(prefix + "teacher")) < 1e-5)

    let losses = try golden.expected(prefix + "losses")
    let error = meanSquaredError(output, teacher, layout: input.layout, weight: 1).value
    let crossEntropy = mixer.forwardWithWeightLoss(
      input.mixerInput, teacherWindow: nil, weight: 1, on: tape
    ).crossEntropy
    // Of one token the student's output is the teacher's, and both losses are rounding.
    #expect(abs(error - losses[0]) < 2e-5 * losses[0] + 1e-12)
    #expect(abs(crossEntropy - losses[1]) < 1e-5 * losses[1] + 1e-6)
  }

  @Test(arguments: HybridGoldenCase.all)
  func `gradients of the error reach parameters and projections as in the reference`(
    testCase: HybridGoldenCase
  ) throws {
    let golden = try Golden(testCase.file)
    let (mixer, parameters) = try testCase.mixer(golden)
    let tape = Tape()
    let input = try Inputs(testCase, golden, on: tape)
    let output = mixer.forward(input.mixerInput, on: tape)
    let teacher = try golden["\(testCase.length).teacher"].reshaped(output.value.shape)
    let loss = meanSquaredError(output.value, teacher, layout: input.layout, weight: 1000)
    tape.backward(from: [(output, loss.gradient)])
    var found = parameters.mapValues(\.gradient)
    // Without a window products of queries and keys count through features alone.
    found["queries"] = input.queries.gradient
    found["keys"] = input.keys.gradient
    found["values"] = input.values.gradient
    try expect(found, "\(testCase.length).gradient.mse.", golden, testCase)
  }

  @Test(arguments: HybridGoldenCase.all)
  func `gradients of error and cross-entropy together are those of the reference`(
    testCase: HybridGoldenCase
  ) throws {
    let golden = try Golden(testCase.file)
    let (mixer, parameters) = try testCase.mixer(golden)
    let tape = Tape()
    let input = try Inputs(testCase, golden, on: tape)
    let (output, _, seeds) = mixer.forwardWithWeightLoss(
      input.mixerInput, teacherWindow: nil, weight: 1, on: tape)
    let teacher = try golden["\(testCase.length).teacher"].reshaped(output.value.shape)
    let loss = meanSquaredError(output.value, teacher, layout: input.layout, weight: 1000)
    tape.backward(from: [(output, loss.gradient)] + seeds)
    try expect(
      parameters.mapValues(\.gradient), "\(testCase.length).gradient.both.", golden, testCase)
  }

  /// The tolerance is twice that of outputs: the error is a difference of nearly equal outputs.
  private func expect(
    _ found: [String: Tensor?], _ prefix: String, _ golden: Golden, _ testCase: HybridGoldenCase
  ) throws {
    for (name, gradient) in found {
      let gradient = try #require(gradient, "\(name) has no gradient").elements
      let expected = try golden.expected(prefix + name)
      if expected.allSatisfy({ abs($0) < 1e-6 }) {
        // One token alone, or every key in the window: student and teacher agree but for rounding,
        // which the loss multiplies by 1000.
        #expect(gradient.allSatisfy { abs($0) < 2e-4 }, "\(name)")
      } else {
        #expect(relativeRMS(gradient, expected, floor: 1e-4) < 2e-5, "\(name)")
      }
    }
  }
}

import Differentiation
import Documents
import Operations
import Students
import TensorCore
import TestSupport
import Testing

/// A golden of linear attention over a feature map, and the recipe of the map that it is of.
struct StudentGolden: Sendable, CustomTestStringConvertible {
  let file: String
  let featureMap: JSONValue
  var isCausal = true
  var testDescription: String { file }

  static let causal: [StudentGolden] = [
    ("exponential", ["kind": "exponential"]),
    ("exponential-bias", ["kind": "exponential", "bias": true, "biasShape": "coordinate"]),
    ("softmax", ["kind": "softmax"]),
    ("softmax-bias", ["kind": "softmax", "bias": true, "biasShape": "coordinate"]),
    ("joint-softmax", ["kind": "joint-softmax"]),
    ("joint-softmax-bias", ["kind": "joint-softmax", "bias": true, "biasShape": "coordinate"]),
    ("shifted-exponential", ["kind": "shifted-exponential"]),
    ("one-plus-elu", ["kind": "one-plus-elu", "projection": "none"]),
    ("relu", ["kind": "relu", "projection": "none"]),
    ("t2r", ["kind": "t2r", "projectionDim": 8]),
    ("performer", ["kind": "performer", "randomFeatures": 16, "epsilon": 1e-4]),
    ("cosformer", ["kind": "cosformer", "maximumLength": 80]),
    ("taylor", ["kind": "taylor"]),
    ("taylor-projected", ["kind": "taylor", "projection": "learned", "projectionDim": 3]),
    ("exp", ["kind": "exp", "temperature": 0.7]),
    ("dpfp", ["kind": "dpfp", "nu": 3]),
  ].map { StudentGolden(file: $0, featureMap: $1) }

  /// The same maps, options aside, where every query sees all keys.
  static let bidirectional = causal.filter {
    !$0.file.hasSuffix("-bias") && !$0.file.hasSuffix("-projected")
  }.map {
    StudentGolden(
      file: "bidirectional-\($0.file)", featureMap: $0.featureMap, isCausal: false)
  }

  static let all = causal + bidirectional

  /// On gradients of the attention weights' cross-entropy, relative RMS.
  ///
  /// T2R's rectified coordinates may vanish together: one weight of this golden is 2.8e-12 where the
  /// teacher's is 0.26, and the gradient of its logarithm is their ratio. What one rounding, half
  /// an ulp of the summed terms, does to the projected coordinates then moves these gradients by
  /// 1.4e-5 (mean of 200 draws) and up to 2.4e-5, whatever else is exact. OpenBLAS's kernels, which
  /// sum the seven terms in their own orders, give 1.6e-5 (Prescott, Nehalem, Sandybridge) and
  /// 5.0e-6 (Haswell, Zen, SkylakeX, Cooperlake).
  var weightGradientTolerance: Double { file == "t2r" ? 3e-5 : 1e-5 }

  var attention: AttentionShape {
    AttentionShape(queryHeads: 2, keyValueHeads: 1, headDim: 6, isCausal: isCausal)
  }

  /// The recipe's mixer with the golden's parameters.
  func mixer(_ golden: Golden) throws -> any WeightTrainedMixer {
    let testCase = StudentCase(document: ["mixer": "linear", "featureMap": featureMap])
    let mixer = try #require(
      try testCase.freshMixer(LayerGeometry(layer: 1, attention: attention, hiddenSize: 12))
        as? any WeightTrainedMixer)
    for parameter in mixer.parameters {
      parameter.value = try golden[parameter.name].reshaped(parameter.value.shape)
    }
    return mixer
  }
}

/// Every feature map in linear attention, against its formula in double precision.
@Suite struct StudentGoldenTests {
  /// Kinds that are no activation of a projection.
  static let fixedKinds: Set = ["performer", "cosformer", "taylor", "exp", "dpfp"]

  private struct Inputs {
    let queries, keys, values: Variable

    init(_ golden: Golden, on tape: Tape) throws {
      queries = tape.leaf(try golden["queries"].reshaped([70, 12]))
      keys = tape.leaf(try golden["keys"].reshaped([70, 6]))
      values = tape.leaf(try golden["values"].reshaped([70, 6]))
    }

    var mixerInput: MixerInput {
      MixerInput(
        queries: queries, keys: keys, values: values, layout: SequenceLayout(length: 70))
    }
  }

  @Test(arguments: [StudentGolden.causal, StudentGolden.bidirectional])
  func `every registered map has a golden, causal and bidirectional`(goldens: [StudentGolden]) {
    let kinds = goldens.map { $0.featureMap["kind"]?.stringValue }
    #expect(Set(kinds) == Set(StudentRegistry.featureMaps.map { $0.name }))
  }

  @Test(arguments: StudentGolden.all)
  func `outputs and their gradients are those of the reference`(testCase: StudentGolden) throws {
    let golden = try Golden("maps/\(testCase.file)")
    let mixer = try testCase.mixer(golden)
    let tape = Tape()
    let inputs = try Inputs(golden, on: tape)
    let output = mixer.forward(inputs.mixerInput, on: tape)
    #expect(relativeRMS(output.value.elements, try golden.expected("output")) < 1e-5)
    tape.backward(from: [(output, try golden["upstream"].reshaped(output.value.shape))])
    try expect(mixer, inputs, ["queries", "keys", "values"], "gradient.output.", golden)
  }

  @Test(arguments: StudentGolden.all, AttentionWeightFloor.allCases)
  func `the cross-entropy of attention weights and its gradients are those of the reference`(
    testCase: StudentGolden, floor: AttentionWeightFloor
  ) throws {
    let golden = try Golden("maps/\(testCase.file)")
    let mixer = try testCase.mixer(golden)
    let tape = Tape()
    let inputs = try Inputs(golden, on: tape)
    let (_, value, seeds) = mixer.forwardWithWeightLoss(
      inputs.mixerInput, teacherWindow: nil, floor: floor, weight: 1, on: tape)
    let expected = try golden.expected("losses")[floor == .clamp ? 0 : 1]
    #expect(abs(value - expected) < 1e-5 * expected)
    tape.backward(from: seeds)
    try expect(
      mixer, inputs, ["queries", "keys"], "gradient.\(floor.rawValue).", golden,
      within: testCase.weightGradientTolerance)
  }

  @Test(arguments: StudentGolden.causal)
  func `decoding gives the outputs of the reference`(testCase: StudentGolden) throws {
    let golden = try Golden("maps/\(testCase.file)")
    let inputs = try Inputs(golden, on: Tape())
    var state = SequenceReader(try testCase.mixer(golden))
    var outputs: [Float] = []
    for token in 0..<70 {
      let row = { (x: Variable, width: Int) in
        Tensor(Array(x.value.elements[token * width..<(token + 1) * width]), [1, width])
      }
      outputs +=
        state.advance { position, tape in
          MixerInput(
            queries: tape.constant(row(inputs.queries, 12)),
            keys: tape.constant(row(inputs.keys, 6)),
            values: tape.constant(row(inputs.values, 6)),
            layout: SequenceLayout(
              rows: 1, segments: [.init(start: 0, count: 1, firstPosition: position)]))
        }
    }
    #expect(relativeRMS(outputs, try golden.expected("output")) < 1e-5)
  }

  private func expect(
    _ mixer: any TokenMixer, _ inputs: Inputs, _ names: [String], _ prefix: String,
    _ golden: Golden, within tolerance: Double = 1e-5
  ) throws {
    let leaves = ["queries": inputs.queries, "keys": inputs.keys, "values": inputs.values]
    var found = Dictionary(uniqueKeysWithValues: names.map { ($0, leaves[$0]!.gradient) })
    for parameter in mixer.parameters { found[parameter.name] = parameter.gradient }
    for (name, gradient) in found {
      let gradient = try #require(gradient, "\(name) has no gradient").elements
      let error = relativeRMS(gradient, try golden.expected(prefix + name))
      #expect(error < tolerance, "\(name)")
    }
  }
}

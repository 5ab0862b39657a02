import Differentiation
import Operations
import Students
import TensorCore
import TestSupport
import Testing

/// The cross-entropy of attention weights, and the seeds of its gradient, through a mixer.
@Suite struct AttentionWeightObjectiveTests {
  private static let layout = SequenceLayout(
    rows: 76, segments: [.init(start: 2, count: 3), .init(start: 5, count: 70)])

  static let cases = StudentCase.all.filter {
    ["softmax", "one-plus-elu"].contains($0.document["featureMap"]?["kind"]?.stringValue)
  }

  @Test(arguments: cases, [nil, 5])
  func `the loss and its gradients equal the definition's, also for a teacher with a window`(
    testCase: StudentCase, teacherWindow: Int?
  ) throws {
    let mixer = try #require(try testCase.trainedMixer() as? any WeightTrainedMixer)
    let twin = try #require(NaiveStudent(testCase, mixer))
    let operands = MixerOperands(twin.attention, rows: Self.layout.rows)
    let loss = { (twin: NaiveStudent) in
      twin.weightCrossEntropy(operands, layout: Self.layout, teacherWindow: teacherWindow)
    }
    let tape = Tape()
    let (queries, keys, values) = operands.tensors
    let input = MixerInput(
      queries: tape.constant(queries), keys: tape.constant(keys), values: tape.constant(values),
      layout: Self.layout)
    let (output, crossEntropy, seeds) = mixer.forwardWithWeightLoss(
      input, teacherWindow: teacherWindow, weight: 40, on: tape)
    #expect(output.value.elements == mixer.output(operands, layout: Self.layout).elements)
    #expect(relativeRMS([Float(crossEntropy)], [loss(twin)]) < 1e-5)

    tape.backward(from: seeds)
    var draw = TestValues(23)
    for parameter in mixer.parameters {
      let gradient = try #require(parameter.gradient, "\(parameter.name)").elements
      let norm = dot(gradient, gradient.map(Double.init)).squareRoot()
      let direction = draw.normal(gradient.count)
      let slope =
        40
        * numericalGradient(at: [0]) { step in
          var moved = twin
          for index in direction.indices {
            moved.parameters[parameter.name]![index] += direction[index] * step[0]
          }
          return loss(moved)
        }[0]
      let difference = abs(dot(gradient, direction) - slope)
      #expect(difference < 5e-5 * max(norm, 0.3), "\(parameter.name): \(slope), norm \(norm)")
    }
  }
}

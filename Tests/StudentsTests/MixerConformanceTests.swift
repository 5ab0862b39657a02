import Differentiation
import Operations
import Students
import TensorCore
import TestSupport
import Testing

/// What mixers say of themselves by conforming holds.
@Suite struct MixerConformanceTests {
  @Test(arguments: StudentCase.all)
  func
    `of a mixer with attention weights outputs are sums of values with weights that no value changes`(
      testCase: StudentCase
    ) throws
  {
    let mixer = try testCase.trainedMixer()
    // Of what a policy joins, weights can be seen, but no loss trains them.
    if testCase.mixerName != "window-memory" {
      #expect((mixer is any AttentionWeightMixer) == (mixer is any WeightTrainedMixer))
    }
    guard mixer is any AttentionWeightMixer else { return }
    let operands = MixerOperands(StudentCase.geometry.attention, rows: 70)
    var (other, sum) = (operands, operands)
    var draw = TestValues(31)
    other.values = draw.normal(operands.values.count)
    sum.values = zip(operands.values, other.values).map { $0 - 2 * $1 }
    let outputs = [operands, other].map { mixer.output($0).elements.map(Double.init) }
    let expected = zip(outputs[0], outputs[1]).map { $0 - 2 * $1 }
    #expect(relativeRMS(mixer.output(sum).elements, expected) < 1e-5)
  }

  @Test(arguments: StudentCase.all)
  func `a mixer that reads the stream alone gives the same whatever queries, keys and values are`(
    testCase: StudentCase
  ) throws {
    let mixer = try testCase.trainedMixer()
    guard mixer is any StreamMixer else { return }
    var operands = MixerOperands(StudentCase.geometry.attention, rows: 70)
    let before = mixer.output(operands).elements
    let paths: [WritableKeyPath<MixerOperands, [Double]>] = [\.queries, \.keys, \.values]
    for path in paths {
      operands[keyPath: path] = operands[keyPath: path].map { $0 + 1 }
    }
    #expect(mixer.output(operands).elements == before)
  }

  @Test(arguments: StudentCase.all)
  func `what layers share is left under the names that the mixer says, and by no other mixer`(
    testCase: StudentCase
  ) throws {
    let mixer = try testCase.freshMixer(
      LayerGeometry(
        layer: 0, layers: 3, attention: StudentCase.geometry.attention,
        hiddenSize: MixerOperands.hiddenSize, hasRotaryPositions: true))
    let operands = MixerOperands(StudentCase.geometry.attention, rows: 5)
    let tape = Tape(isRecording: false)
    let leaves = operands.leaves(on: tape)
    let input = MixerInput(
      queries: leaves["queries"]!, keys: leaves["keys"]!, values: leaves["values"]!,
      layout: SequenceLayout(length: 5), stream: leaves["stream"]!,
      layer: ProjectingLayer(operands.attention))
    _ = mixer.forward(input, on: tape)
    #expect(input.shared.names == (mixer as? any SharingMixer)?.sharedNames.sorted() ?? [])
  }
}

import Differentiation
import Operations
import Students
import Transformers

/// What one layer of the student learns from the teacher's attention on the teacher's own inputs.
protocol LayerObjective: Sendable {
  /// Loss of a layer, and with `gradientFactor` its gradients times that, which the layer's trained
  /// parameters receive. The inputs are the teacher's, so nothing flows out of the layer.
  func loss(
    _ student: DecoderLayer, of teacher: TeacherAttention, gradientFactor: Double?
  ) -> Double
}

/// The teacher's attention in one layer, over one batch; nothing of it is recorded.
final class TeacherAttention {
  let layer: DecoderLayer
  /// What the projections read, `[tokens, hiddenSize]`.
  let normed: Variable
  let layout: SequenceLayout
  let positions: [Int32]
  /// Of the student's pass, whose layers are trained apart: it detaches.
  let firstValues: FirstValues
  private let tape: Tape

  init(
    _ layer: DecoderLayer, normed: Variable, layout: SequenceLayout, positions: [Int32],
    firstValues: FirstValues = FirstValues(detaches: true), tape: Tape
  ) {
    self.layer = layer
    self.normed = normed
    self.layout = layout
    self.positions = positions
    self.firstValues = firstValues
    self.tape = tape
  }

  private(set) lazy var input = layer.projections(
    normed, layout: layout, positions: positions, firstValues: firstValues, on: tape)
  /// Per-head outputs, `[tokens, queryHeads * headDim]`.
  private(set) lazy var heads = layer.teacherMixer.mix(input, on: tape)
  /// Behind the output projection, `[tokens, hiddenSize]`.
  private(set) lazy var added = layer.attentionOutput(heads, on: tape)
}

/// A stage in which every layer's new attention learns from the teacher's, layer by layer.
protocol TransferStageSpecification: StudentStageSpecification {
  var objective: any LayerObjective { get }
  /// Training from stored attention inputs; `nil` trains while the teacher passes.
  var activations: StoredActivationsSpecification? { get }
  /// Makes what the stage trains trainable, and says under which names it stands.
  func prepare(_ student: Decoder)
}

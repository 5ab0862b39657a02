import Differentiation
import Operations
import Students
import Transformers

/// What one layer of the student learns from the teacher's attention on the teacher's own inputs.
protocol LayerObjective: Sendable {
  /// What the objective asks of a mixer and this one has not; nil where it can be trained.
  func mistake(of mixer: any TokenMixer) -> StageField?

  /// Loss of a layer, and with `gradientFactor` its gradients times that, which the layer's trained
  /// parameters receive. The inputs are the teacher's, so nothing flows out of the layer.
  func loss(
    _ student: DecoderLayer, of teacher: TeacherAttention, gradientFactor: Double?
  ) -> Double
}

extension LayerObjective {
  func mistake(of mixer: any TokenMixer) -> StageField? { nil }
}

/// A key below a stage, and what is wrong there, as the end of a sentence that begins with the key.
struct StageField: Equatable {
  let key: String
  let problem: String
}

/// The teacher's attention in one layer, over one batch; nothing of it is recorded.
final class TeacherAttention {
  let layer: DecoderLayer
  /// What the projections read, `[tokens, hiddenSize]`.
  let normed: Variable
  /// What it shares is the student's, whose layers are trained apart: it detaches.
  let pass: ForwardPass

  init(_ layer: DecoderLayer, normed: Variable, _ pass: ForwardPass) {
    self.layer = layer
    self.normed = normed
    self.pass = pass
  }

  private(set) lazy var input = layer.projections(normed, pass)
  /// Per-head outputs, `[tokens, queryHeads * headDim]`.
  private(set) lazy var heads = layer.teacherMixer.forward(input, on: pass.tape)
  /// Behind the output projection, `[tokens, hiddenSize]`.
  private(set) lazy var added = layer.attentionOutput(heads, on: pass.tape)
}

extension ForwardPass {
  /// Of a teacher, over which layers of a student are trained each on a tape of its own.
  static func besideStudent(_ layout: SequenceLayout) -> ForwardPass {
    ForwardPass(layout, on: Tape(isRecording: false), shared: SharedValues(detaches: true))
  }
}

/// A stage in which every layer's new attention learns from the teacher's, layer by layer.
protocol TransferStageSpecification: StudentStageSpecification {
  var objective: any LayerObjective { get }
  /// Training from stored attention inputs; `nil` trains while the teacher passes.
  var activations: StoredActivationsSpecification? { get }
  /// Makes what the stage trains trainable, and says under which names it stands.
  func prepare(_ student: Decoder)
}

extension TransferStageSpecification {
  /// What the stage asks of the student's mixers and they have not.
  func mistakes(of student: Decoder) -> [StageField] {
    let mixers = student.convertedLayers.map { student.layers[$0].mixer }
    var mistakes = Array(mixers.compactMap { objective.mistake(of: $0) }.prefix(1))
    if activations != nil,
      let sharing = mixers.compactMap({ $0 as? any SharingMixer }).first
    {
      mistakes.append(
        StageField(
          key: "activations",
          problem: "trains blocks of layers apart, but this student's layers share "
            + "\(sharing.sharedNames.joined(separator: " and ")); set it to null"))
    }
    return mistakes
  }

  /// - Throws: `StageMistake` for the first of them.
  func requireFit(of student: Decoder) throws {
    guard let mistake = mistakes(of: student).first else { return }
    throw StageMistake(stage: name, field: mistake.key, problem: mistake.problem)
  }
}

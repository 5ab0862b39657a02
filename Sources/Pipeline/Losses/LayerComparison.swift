import Differentiation
import Documents
import Operations
import Students
import TensorCore
import Transformers

/// A loss of one layer's new attention against the teacher's, on the teacher's own input.
protocol LayerLoss: Loss {
  /// What a mixer has not that the loss compares, as it follows the mixer's name; nil where it can be
  /// trained by it.
  func problem(of mixer: any TokenMixer) -> String?

  /// Measures the loss, and where `gradientWeight` is not 0 leaves seeds of its gradient times that.
  func measure(_ layer: LayerComparison, gradientWeight: Float) -> Double
}

extension LayerLoss {
  func problem(of mixer: any TokenMixer) -> String? { nil }
}

/// A layer loss of attention weights, which mixers compute on the way to their outputs: it is
/// measured before all others, and needs mixers that have such weights, fed with the teacher's own
/// queries and keys.
protocol AttentionWeightLoss: LayerLoss {}

extension LossRegistry {
  /// - Parameter comparesWeights: whether losses of attention weights are among them.
  static func layerVariants(comparesWeights: Bool) -> [DocumentVariant<any LayerLoss>] {
    layer.filter { comparesWeights || !($0 is any AttentionWeightLoss.Type) }
      .map { type in DocumentVariant(type.kind) { type.init($0) } }
  }
}

/// What a student's attention reads of the teacher.
enum LayerInput: Sendable {
  /// Queries, keys and values as the teacher projects them.
  case projections
  /// The normed residual stream, which the student projects itself.
  case stream
}

/// One layer's new attention beside the teacher's, over one batch.
final class LayerComparison {
  let teacher: TeacherAttention
  let student: DecoderLayer
  /// The student's, of which nothing flows on into other layers.
  let tape: Tape
  private(set) var seeds: [(variable: Variable, gradient: Tensor)] = []
  private let reads: LayerInput

  init(_ student: DecoderLayer, of teacher: TeacherAttention, reads: LayerInput, on tape: Tape) {
    self.student = student
    self.teacher = teacher
    self.reads = reads
    self.tape = tape
  }

  private(set) lazy var input =
    switch reads {
    case .projections: teacher.input
    case .stream:
      student.projections(tape.constant(teacher.normed.value), teacher.pass.on(tape))
    }
  /// The student's per-head outputs, `[tokens, queryHeads * headDim]`. A loss that has them made on
  /// its way puts them here.
  lazy var heads = student.mixer.forward(input, on: tape)
  /// The same behind the output projection, `[tokens, hiddenSize]`.
  private(set) lazy var added = student.attentionOutput(heads, on: tape)

  /// Where a gradient begins.
  func seed(_ variable: Variable, _ gradient: Tensor) { seeds.append((variable, gradient)) }
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

  /// The last that was asked for: all losses of a layer mean the same keys.
  private var far: FarAttention?

  /// What share of its attention falls on some keys.
  func farAttention(_ keys: BranchKeys) -> FarAttention {
    if let far, far.keys == keys { return far }
    let found = FarAttention(
      queries: input.queries.value, keys: input.keys.value,
      attention: layer.teacherMixer.shape, far: keys, layout: pass.layout,
      window: layer.teacherMixer.window)
    far = found
    return found
  }
}

extension ForwardPass {
  /// Of a teacher, over which layers of a student are trained each on a tape of its own.
  static func besideStudent(_ layout: SequenceLayout) -> ForwardPass {
    ForwardPass(layout, on: Tape(isRecording: false), shared: SharedValues(detaches: true))
  }
}

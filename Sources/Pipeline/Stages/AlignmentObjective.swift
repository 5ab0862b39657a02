import Differentiation
import Operations
import Students
import TensorCore
import Transformers

/// The loss of output alignment on one layer: how far what the student's attention adds to the
/// residual stream lies from what the teacher's adds.
struct AlignmentObjective: LayerObjective {
  enum Loss: String, CaseIterable, Sendable {
    /// `width^(-1/2) mean_t ‖y_T − y_S‖₂`.
    case l2
    /// The mean square of all elements.
    case mse
  }

  var loss: Loss

  func loss(
    _ student: DecoderLayer, of teacher: TeacherAttention, gradientFactor: Double?
  ) -> Double {
    let tape = Tape(isRecording: gradientFactor != nil)
    let output = student.attention(tape.constant(teacher.normed.value), teacher.pass.on(tape))
    let weight = Float(gradientFactor ?? 0)
    let target = teacher.added.value
    let (value, gradient) =
      switch loss {
      case .l2: rowDistance(output.value, target, layout: teacher.pass.layout, weight: weight)
      case .mse: meanSquaredError(output.value, target, layout: teacher.pass.layout, weight: weight)
      }
    if gradientFactor != nil { tape.backward(from: [(output, gradient)]) }
    return value
  }
}

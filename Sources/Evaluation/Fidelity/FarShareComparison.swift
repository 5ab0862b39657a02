import Differentiation
import Operations
import Results
import Students
import TensorCore

/// What of one layer's attention and outputs is of keys that have left the student's window, teacher
/// beside student, on one document.
struct FarShareComparison {
  private let far: FarAttention
  private let teacher, student: FarOutputs
  private let studentMasses: Tensor?

  /// nil of a student that has no window.
  ///
  /// - Parameter weights: the student's, `[queryHeads, length, length]`, where it has such.
  init?(
    teacher: (mixer: SoftmaxAttentionMixer, input: MixerInput, output: Tensor),
    student: HeadComparison.Side, weights: Tensor?, shape: AttentionShape
  ) {
    guard let hybrid = student.mixer as? any HybridMixer, hybrid.window != .none,
      shape.isCausal, let near = hybrid.only(.window)
    else { return nil }
    let tape = Tape(isRecording: false)
    let window = SoftmaxWindowMixer(shape, window: hybrid.window, sinks: hybrid.sinks)
    far = FarAttention(
      queries: teacher.input.queries.value, keys: teacher.input.keys.value, attention: shape,
      far: .older(hybrid.window, sinks: hybrid.sinks), layout: teacher.input.layout,
      window: teacher.mixer.window)
    self.teacher = FarOutputs(
      with: teacher.output, without: window.forward(teacher.input, on: tape).value)
    self.student = FarOutputs(
      with: student.output, without: near.forward(student.input, on: tape).value)
    if let weights {
      studentMasses = far.keys.masses(of: weights)
    } else if let mixer = student.mixer as? any FarMassMixer, mixer.farMassKeys != nil {
      // A gate before a memory that has no weights.
      studentMasses =
        tape.pointwise(mixer.farMassLogits(student.input, on: tape), .sigmoid).value
    } else {
      studentMasses = nil
    }
  }

  /// - Parameter sums: one a query head.
  func add(to sums: inout [FarShareSums]) {
    sums = far.added(
      teacher: teacher, student: student, studentMasses: studentMasses, to: sums)
  }
}

extension FarShareSums {
  /// nil where no token has such keys.
  var share: FidelityResult.FarShare? {
    guard !isEmpty, let mass = masses.teacher else { return nil }
    return FidelityResult.FarShare(
      teacherMass: mass, studentMass: masses.student, teacherOutput: outputs.teacher,
      studentOutput: outputs.student)
  }
}

import Operations
import Results
import Students
import TensorCore

/// Teacher's and student's attention of one layer on one document, head by head.
struct HeadComparison {
  typealias Side = (mixer: any TokenMixer, input: MixerInput, output: Tensor)

  private let comparison: AttentionComparison
  /// `[queryHeads, length, length]`; nil of a student that has none.
  var studentWeights: Tensor? { hasStudentWeights ? comparison.studentWeights : nil }
  private let hasStudentWeights: Bool

  init(
    teacher: (mixer: SoftmaxAttentionMixer, input: MixerInput, output: Tensor), student: Side,
    shape: AttentionShape
  ) {
    let teacherWeights = attentionWeights(of: teacher.mixer, teacher.input, shape: shape)
    let weights = (student.mixer as? any AttentionWeightMixer).map {
      attentionWeights(of: $0, student.input, shape: shape)
    }
    hasStudentWeights = weights != nil
    comparison = AttentionComparison(
      shape: shape, teacherWindow: teacher.mixer.window,
      weights: (teacherWeights, weights ?? Tensor(repeating: .nan, teacherWeights.shape)),
      outputs: (teacher.output, student.output), queries: student.input.queries.value,
      keys: student.input.keys.value)
  }

  /// - Parameter sums: one a query head.
  func add(to sums: inout [AttentionHeadSums]) { sums = comparison.added(to: sums) }

  /// One map a query head, of the first `tokens` queries and keys. In causal attention what follows
  /// them changes none of their weights. None of a student without attention weights.
  func maps(layer: Int, tokens: Int, size: Int) -> [FidelityResult.AttentionMap] {
    if !hasStudentWeights { return [] }
    return (0..<comparison.shape.queryHeads).map { head in
      let (left, side) = attentionBlocks(
        comparison.teacherWeights, head: head, tokens: tokens, size: size)
      let (right, _) = attentionBlocks(
        comparison.studentWeights, head: head, tokens: tokens, size: size)
      return FidelityResult.AttentionMap(
        layer: layer, head: head, size: side, tokens: tokens, teacher: left, student: right)
    }
  }
}

extension AttentionHeadSums {
  /// Means over what was added; at least one token with three keys to look at.
  var head: FidelityResult.Head {
    FidelityResult.Head(
      meanSquaredError: meanSquaredError, relativeError: relativeError,
      divergence: meanDivergence, teacherEntropy: meanEntropies.teacher,
      studentEntropy: meanEntropies.student, monotonicity: meanMonotonicity,
      teacherReach: meanReaches.teacher, studentReach: meanReaches.student)
  }
}

import Operations
import Results
import Students
import TensorCore

/// Teacher's and student's attention of one layer on one document, head by head.
struct HeadComparison {
  typealias Side = (mixer: any TokenMixer, input: MixerInput, output: Tensor)

  private let shape: AttentionShape
  private let length: Int
  private let hasStudentWeights: Bool
  /// Keys that the teacher sees; nil: all.
  private let teacherWindow: Int?
  /// `[queryHeads, length, length]`.
  private let teacherWeights: Tensor
  /// NaN where the student has no attention weights.
  private let studentWeights: Tensor
  /// `[length, queryHeads * headDim]`.
  private let teacherOutput, studentOutput: Tensor
  /// The student's, `[length, …]`.
  private let queries, keys: Tensor

  init(
    teacher: (mixer: SoftmaxAttentionMixer, input: MixerInput, output: Tensor), student: Side,
    shape: AttentionShape
  ) {
    self.shape = shape
    length = teacher.input.layout.rows
    teacherWindow = teacher.mixer.window
    teacherWeights = attentionWeights(of: teacher.mixer, teacher.input, shape: shape)
    let weights = (student.mixer as? any AttentionWeightMixer).map {
      attentionWeights(of: $0, student.input, shape: shape)
    }
    hasStudentWeights = weights != nil
    studentWeights = weights ?? Tensor(repeating: .nan, teacherWeights.shape)
    teacherOutput = teacher.output
    studentOutput = student.output
    queries = student.input.queries.value
    keys = student.input.keys.value
  }

  /// - Parameter sums: one a query head.
  func add(to sums: inout [HeadSums]) {
    sums.withUnsafeMutableBufferPointer { sums in
      let sums = sums
      WorkerPool.shared.parallel(shape.queryHeads) { head in
        var sum = sums[head]
        addRows(of: head, to: &sum)
        addOutputs(of: head, to: &sum)
        sums[head] = sum
      }
    }
  }

  private func addRows(of head: Int, to sum: inout HeadSums) {
    let products = matrixProduct(
      column(head, of: queries, width: shape.queryWidth),
      column(head / shape.group, of: keys, width: shape.keyWidth), rightTransposed: true)
    var correlation = RankCorrelation()
    withPointers(teacherWeights, studentWeights, products) { teacher, student, products in
      for query in 0..<length {
        let offset = (head * length + query) * length
        sum.add(
          AttentionRow(
            teacher: teacher + offset, student: student + offset,
            products: products + query * length, query: query,
            keys: shape.isCausal ? query + 1 : length,
            firstVisible: teacherWindow.map { max(0, query - $0 + 1) } ?? 0,
            correlation: &correlation))
      }
    }
  }

  private func addOutputs(of head: Int, to sum: inout HeadSums) {
    withPointers(teacherOutput, studentOutput) { teacher, student in
      for token in 0..<length {
        let offset = token * shape.queryWidth + head * shape.headDim
        sum.add(
          teacherOutput: teacher + offset, studentOutput: student + offset, count: shape.headDim)
      }
    }
  }

  /// One head of `[length, width]`, `[length, headDim]`.
  private func column(_ head: Int, of x: Tensor, width: Int) -> Tensor {
    var result = Tensor(uninitialized: [length, shape.headDim])
    result.withMutablePointer { result in
      x.withPointer { x in
        for row in 0..<length {
          (result + row * shape.headDim).update(
            from: x + row * width + head * shape.headDim, count: shape.headDim)
        }
      }
    }
    return result
  }

  /// One map a query head, of the first `tokens` queries and keys. In causal attention what follows
  /// them changes none of their weights. None of a student without attention weights.
  func maps(layer: Int, tokens: Int, size: Int) -> [FidelityResult.AttentionMap] {
    if !hasStudentWeights { return [] }
    return withPointers(teacherWeights, studentWeights) { teacher, student in
      (0..<shape.queryHeads).map { head in
        let offset = head * length * length
        let (left, side) = attentionBlocks(
          teacher + offset, length: length, tokens: tokens, size: size)
        let (right, _) = attentionBlocks(
          student + offset, length: length, tokens: tokens, size: size)
        return FidelityResult.AttentionMap(
          layer: layer, head: head, size: side, tokens: tokens, teacher: left, student: right)
      }
    }
  }
}

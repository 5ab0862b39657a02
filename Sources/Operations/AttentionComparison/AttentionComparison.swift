import TensorCore

/// Teacher's and student's attention of one layer on one document.
public struct AttentionComparison {
  /// Heads of both.
  public let shape: AttentionShape
  /// Keys that the teacher sees; nil: all.
  public let teacherWindow: Int?
  /// Attention weights, `[queryHeads, length, length]`; NaN where the student has none.
  public let teacherWeights, studentWeights: Tensor
  /// `[length, queryHeads * headDim]`.
  public let teacherOutput, studentOutput: Tensor
  /// The student's, `[length, …]`, by whose products its weights are ranked.
  public let queries, keys: Tensor

  /// One layer's sides.
  public init(
    shape: AttentionShape, teacherWindow: Int?, weights: (teacher: Tensor, student: Tensor),
    outputs: (teacher: Tensor, student: Tensor), queries: Tensor, keys: Tensor
  ) {
    self.shape = shape
    self.teacherWindow = teacherWindow
    (teacherWeights, studentWeights) = weights
    (teacherOutput, studentOutput) = outputs
    self.queries = queries
    self.keys = keys
  }

  private var length: Int { queries.shape[0] }

  /// The sums with this document's rows, one a query head.
  public func added(to sums: [AttentionHeadSums]) -> [AttentionHeadSums] {
    WorkerPool.shared.parallelMap(shape.queryHeads) { head in
      var sum = sums[head]
      addRows(of: head, to: &sum)
      addOutputs(of: head, to: &sum)
      return sum
    }
  }

  private func addRows(of head: Int, to sum: inout AttentionHeadSums) {
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

  private func addOutputs(of head: Int, to sum: inout AttentionHeadSums) {
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
    withPointers(writing(&result), x) { result, x in
      for row in 0..<length {
        (result + row * shape.headDim).update(
          from: x + row * width + head * shape.headDim, count: shape.headDim)
      }
    }
    return result
  }
}

import Differentiation
import Operations
import Results
import TensorCore
import Transformers

/// Embeddings of texts, and how close a student's lie to its teacher's.
public struct EmbeddingMeasurement {
  /// Short texts are read together until a pass has this many rows.
  private static let rowsOfAPass = 1024

  private let pooling: SegmentPooling
  private let isNormalized: Bool

  /// - Parameter isNormalized: embeddings have length 1.
  public init(_ pooling: SegmentPooling, isNormalized: Bool = true) {
    self.pooling = pooling
    self.isNormalized = isNormalized
  }

  /// Embeddings, `[texts, hiddenSize]`: one for every segment of the sequences.
  ///
  /// - Parameter progress: called after every pass with the texts done and the tokens of the pass;
  ///   what it throws ends the measurement.
  /// - Precondition: ids are below the vocabulary size, texts within learned positions.
  public func embeddings(
    of decoder: Decoder, _ texts: [EvaluationSequence],
    progress: (_ done: Int, _ tokens: Int) throws -> Void = { _, _ in }
  ) rethrows -> Tensor {
    let width = decoder.configuration.hiddenSize
    var parts: [(rows: Range<Int>, tensor: Tensor)] = []
    var start = 0
    while start < texts.count {
      var end = start
      var rows = 0
      repeat {
        rows += texts[end].tokens.count
        end += 1
      } while end < texts.count && rows + texts[end].tokens.count <= Self.rowsOfAPass
      let joined = EvaluationSequence.joined(texts[start..<end])
      let pooled = decoder.textEmbeddings(
        joined.tokens, layout: joined.layout, pooling, on: Tape(isRecording: false))
      let first = parts.last?.rows.upperBound ?? 0
      parts.append(
        (
          first..<first + pooled.value.shape[0],
          isNormalized ? normalizedRows(pooled.value) : pooled.value
        ))
      start = end
      try progress(end, rows)
    }
    return joinedRows(parts, rows: parts.last?.rows.upperBound ?? 0, width: width)
  }

  /// Mean cosine of student and teacher over the texts, and Spearman's rank correlation between the
  /// two models' cosine similarities of all pairs of texts; in the shape of a task's result, so
  /// that tables, gates and comparisons hold it.
  ///
  /// - Parameters:
  ///   - student: of length 1, `[texts, hiddenSize]`.
  ///   - teacher: as `student`.
  public static func result(
    student: Tensor, teacher: Tensor, textHash: String?, seconds: Double
  ) -> TaskResult {
    let count = student.shape[0]
    let cosines = rowProducts(student, teacher)
    let mean = cosines.reduce(0, +) / Double(count)
    let squares = cosines.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    var metrics = [
      TaskResult.Metric(
        name: EvaluationReport.cosineMetric, value: mean,
        standardError: count > 1
          ? (squares / Double(count - 1) / Double(count)).squareRoot() : nil,
        higherIsBetter: true)
    ]
    // Cosines of all pairs of different texts.
    if count > 1, mean.isFinite,
      let correlation = rankCorrelation(pairProducts(student), pairProducts(teacher))
    {
      metrics.append(
        TaskResult.Metric(
          name: EvaluationReport.rankMetric, value: correlation, standardError: nil,
          higherIsBetter: true))
    }
    return TaskResult(
      name: EvaluationReport.embeddingTaskName, metrics: metrics, samples: count,
      availableSamples: count, samplesHash: textHash ?? "", seconds: seconds)
  }
}

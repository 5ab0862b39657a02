import Checkpoints
import Documents
import Evaluation
import Results
import TensorCore
import Transformers

extension EvaluationRun {
  /// An encoder's student beside its teacher: embeddings of the texts, and attention head by head.
  func runEncoder() throws -> Outcome {
    let start = clock()
    var outcome = Outcome()
    var skipped = ["perplexity"]
    if plan.recall != nil { skipped.append("recall") }
    if plan.speed != nil { skipped.append("decoding speed") }
    outcome.notes.append(
      "\(skipped.joined(separator: ", ")) \(skipped.count == 1 ? "was" : "were") not measured: "
        + "\(location) is an encoder (\(teacher.configuration.family)), which predicts no next token"
    )
    guard student != nil, !plan.text.isEmpty else {
      outcome.notes.append(
        student == nil
          ? "embeddings were not compared: \(location) is a teacher, with nothing to compare it to"
          : "embeddings were not compared: there is no text to read")
      return outcome
    }
    outcome.textHash = Digest.sha256(of: plan.text.map { "\($0.tokens)" }.joined(separator: "\n"))
    let measurement = EmbeddingMeasurement(pooling.pooling)
    func embeddings(_ name: String, _ decoder: Decoder) throws -> Tensor {
      progress.begin("\(name): embeddings", plan.text.count)
      let found = try measurement.embeddings(of: decoder, plan.text) { done, tokens in
        try progress.update(done, tokens, [])
      }
      progress.end()
      return found
    }
    let expected = try embeddings(ModelVariant.teacher.title, teacher)
    for row in rows where row.variant != .teacher {
      let begin = clock()
      let found = try embeddings(row.variant.title, row.decoder)
      let result = EmbeddingMeasurement.result(
        student: found, teacher: expected, textHash: outcome.textHash, seconds: clock() - begin)
      // Ablated models may well overflow; the student may not.
      if row.variant == .student, let cosine = result.metric(EvaluationReport.cosineMetric)?.value,
        !cosine.isFinite
      {
        throw NonFiniteValue(
          stage: "evaluate \(row.variant.rawValue)", step: plan.text.count,
          quantity: "the embeddings' cosine", value: cosine, lastCheckpoint: location)
      }
      outcome.variants.append(
        VariantResult(variant: row.variant, detail: row.detail, tasks: [result]))
    }
    if let student, let fidelity = plan.fidelity {
      outcome.fidelity = try measureFidelity(fidelity, student, notes: &outcome.notes)
    }
    outcome.seconds = clock() - start
    return outcome
  }
}

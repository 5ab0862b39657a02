import Corpus
import Documents

extension EvaluationTask {
  /// What `samples_NAME.jsonl` says of each sample, under the keys of lm-eval and in their order.
  /// Log-likelihoods and whether decoding is greedy are strings there, as in lm-eval's files.
  ///
  /// - Parameter hash: SHA-256 of a text's UTF-8, in hexadecimal.
  /// - Throws: `TaskError` when a log-likelihood is not a number.
  public func sampleLines(
    of samples: [TaskSample], likelihoods: [[LogLikelihood]], hash: (String) -> String
  ) throws -> [JSONValue] {
    try check(samples, likelihoods)
    let writer = try SampleHashes()
    return try zip(samples, likelihoods).map { sample, found in
      let hashes = try writer.hashes(of: sample, isRolling: isRolling, hash)
      let answers: [JSONValue] =
        isRolling
        ? [.string("\(found.reduce(0) { $0 + $1.sum })")]
        : found.map { [.string("\($0.sum)"), .string($0.isGreedy ? "True" : "False")] }
      var line = JSONObject([
        ("doc_id", .integer(sample.index)),
        ("doc", .object(sample.row)),
        ("target", .string(sample.target)),
        ("arguments", arguments(of: sample)),
        ("resps", .array(answers.map { [$0] })),
        ("filtered_resps", .array(answers)),
        ("filter", "none"),
        ("metrics", .array(metrics.map { .string($0.rawValue) })),
        ("doc_hash", .string(hashes.row)),
        ("prompt_hash", .string(hashes.prompt)),
        ("target_hash", .string(hashes.target)),
      ])
      for metric in metrics { line[metric.rawValue] = entry(metric, sample, found) }
      return .object(line)
    }
  }

  private func arguments(of sample: TaskSample) -> JSONValue {
    let requests = sample.requests.enumerated().map { index, request in
      let texts = isRolling ? [request.continuation] : [request.context, request.continuation]
      return (
        "gen_args_\(index)",
        JSONValue.object(
          JSONObject(texts.enumerated().map { ("arg_\($0)", JSONValue.string($1)) }))
      )
    }
    return .object(JSONObject(requests))
  }

  private func entry(
    _ metric: TaskMetric, _ sample: TaskSample, _ found: [LogLikelihood]
  ) -> JSONValue {
    let value = value(metric, sample, found)
    switch metric {
    case .accuracy where sample.answer == nil: return .integer(Int(value))
    case .accuracy, .normalizedAccuracy, .accuracyInAll, .letterShare, .perplexity:
      return .number(value)
    case .wordPerplexity, .bytePerplexity, .bitsPerByte:
      return [.number(value), .integer(weight(metric, sample))]
    }
  }

  /// lm-eval's `task_hash`: over rows, first prompts and targets of the samples.
  func samplesHash(_ samples: [TaskSample], hash: (String) -> String) throws -> String {
    let writer = try SampleHashes()
    var text = ""
    for sample in samples {
      let hashes = try writer.hashes(of: sample, isRolling: isRolling, hash)
      text += hashes.row + hashes.prompt + hashes.target
    }
    return hash(text)
  }
}

/// The digests by which lm-eval tells whether two results are of the same samples.
private struct SampleHashes {
  /// Writes a row as Python's `json.dumps` does: other spaces would be another digest.
  private let document: RowTemplate

  init() throws {
    document = try RowTemplate("{{ row | tojson(indent=2) }}", location: "a row")
  }

  func hashes(
    of sample: TaskSample, isRolling: Bool, _ hash: (String) -> String
  ) throws -> (row: String, prompt: String, target: String) {
    let row = try document.text(of: JSONObject([("row", .object(sample.row))]))
    let first = sample.requests[0]
    return (
      hash(row), hash(isRolling ? first.continuation : first.context), hash(sample.target)
    )
  }
}

import Checkpoints
import Documents
import Evaluation
import Models
import Results
import Transformers

extension EvaluationRun {
  /// A task whose samples are tokens, ready for any decoder.
  struct PreparedTask {
    let task: EvaluationTask
    let samples: [TaskSample]
    let encoded: TaskEncoding.Encoded
  }

  /// - Throws: `TaskError`, `ModelError` when there is no tokenizer to read texts with.
  func prepareTasks() throws -> [PreparedTask] {
    if plan.tasks.isEmpty { return [] }
    guard let tokenizer else {
      throw ModelError(
        location: location,
        problems: ["no tokenizer to read \(plan.tasks[0].task.location) with; tasks are texts"])
    }
    var names: [String: String] = [:]
    for (task, _) in plan.tasks {
      if let other = names.updateValue(task.location, forKey: task.name) {
        throw InputError(
          task.location, nil,
          "is called \"\(task.name)\" as \(other) is; results are kept by name, so give one of them "
            + "another")
      }
    }
    let encoding = TaskEncoding(
      encoder: tokenizer, maximumLength: maximumLength)
    return try plan.tasks.map { task, limit in
      let samples = try task.samples(limit: limit)
      let encoded = try encoding.encode(samples, of: task)
      try requireKnownIDs(encoded.requests, task)
      return PreparedTask(task: task, samples: samples, encoded: encoded)
    }
  }

  private func requireKnownIDs(_ requests: [[LogLikelihoodRequest]], _ task: EvaluationTask)
    throws
  {
    let size = teacher.configuration.vocabularySize
    for request in requests.joined() {
      guard let id = (request.context + request.continuation).first(where: { Int($0) >= size })
      else { continue }
      throw ModelError(
        location: location,
        problems: [
          "the tokenizer gives the id \(id) for \(task.dataPath), but the embedding has \(size) "
            + "rows; use the model's own tokenizer"
        ])
    }
  }

  /// Scores a task with one decoder.
  func score(_ prepared: PreparedTask, _ row: AblatedDecoders.Row) throws -> (
    result: TaskResult, lines: [JSONValue]
  ) {
    let task = prepared.task
    let requests = prepared.encoded.requests
    let start = clock()
    progress.begin("\(row.variant.title): \(task.name)", requests.reduce(0) { $0 + $1.count })
    let scored = try LogLikelihoodScorer(row.decoder).score(Array(requests.joined())) {
      done, rows in try progress.update(done, rows, [])
    }
    progress.end()
    var next = 0
    let likelihoods = requests.map { sample in
      next += sample.count
      return Array(scored[next - sample.count..<next])
    }
    return (
      try task.result(
        of: prepared.samples, likelihoods: likelihoods,
        truncatedSamples: prepared.encoded.truncatedSamples, seconds: clock() - start,
        hash: Digest.sha256(of:)),
      try task.sampleLines(
        of: prepared.samples, likelihoods: likelihoods, hash: Digest.sha256(of:))
    )
  }
}

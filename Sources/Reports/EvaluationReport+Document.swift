import Documents
import Foundation
import Results

extension EvaluationReport {
  /// The name under which the held-out text stands among lm-eval's tasks. A task of this name
  /// takes its place.
  static let textTaskName = "heldout_text"

  /// `results.json`: the members of lm-eval 0.4.13 about the subject (the student, or the teacher
  /// evaluated alone), in lm-eval's order, so that its tools read them, and one member more,
  /// `linearize`, with everything.
  ///
  /// Losses are in nats, accuracies are shares. In `linearize` keys are always there; what was not
  /// measured is null. Attention maps are too many for JSON and stay out.
  public var document: JSONValue {
    let tasks = lmEvalTasks
    func object(_ value: (TaskResult) -> JSONValue) -> JSONValue {
      .object(JSONObject(tasks.map { (key: $0.name, value: value($0)) }))
    }
    let name = studentName ?? teacherName ?? title
    return [
      "results": object(\.lmEvalResult),
      "group_subtasks": object { _ in [] },
      "configs": object(\.lmEvalConfiguration),
      "versions": object { .number($0.version) },
      "n-shot": object { .integer($0.shots) },
      "higher_is_better": object(\.lmEvalDirections),
      "n-samples": object {
        ["original": .integer($0.availableSamples), "effective": .integer($0.samples)]
      },
      "config": configuration(modelName: name),
      "git_hash": provenance["commit"] ?? .null,
      "date": .number(date),
      "pretty_env_info": .string(environment),
      "transformers_version": .null,
      "lm_eval_version": .string(Self.imitatedVersion),
      "upper_git_hash": .null,
      "task_hashes": .object(
        JSONObject(
          tasks.filter { !$0.samplesHash.isEmpty }.map { ($0.name, .string($0.samplesHash)) })),
      "model_source": "linearize",
      "model_name": .string(name),
      "model_name_sanitized": .string(Self.sanitized(name)),
      "system_instruction": .null,
      "system_instruction_sha": .null,
      "fewshot_as_multiturn": .null,
      "chat_template": .null,
      "chat_template_sha": .null,
      "total_evaluation_time_seconds": .string("\(seconds)"),
      "linearize": linearizeMember,
    ]
  }

  static let imitatedVersion = "0.4.13"

  /// The subject's tasks, and its held-out text as another one.
  private var lmEvalTasks: [TaskResult] {
    let tasks = subject?.tasks ?? []
    guard let text = subject?.text, !tasks.contains(where: { $0.name == Self.textTaskName }) else {
      return tasks
    }
    let metric = { (name: String, value: Double, error: Double?, isHigherBetter: Bool) in
      TaskResult.Metric(
        name: name, value: value, standardError: error, higherIsBetter: isHigherBetter)
    }
    return tasks + [
      TaskResult(
        name: Self.textTaskName,
        metrics: [
          metric("perplexity", text.perplexity, nil, false),
          metric("loss", text.meanLoss, text.lossStandardError, false),
          metric("accuracy", text.accuracy, nil, true),
        ], samples: text.windows.count, availableSamples: text.windows.count,
        samplesHash: textHash ?? "", seconds: text.seconds)
    ]
  }

  /// As lm-eval's own, with its defaults for what has no meaning here.
  private func configuration(modelName: String) -> JSONValue {
    let limited = (subject?.tasks ?? []).filter { $0.samples < $0.availableSamples }
    return [
      "model": "linearize",
      "model_args": .object(JSONObject([("pretrained", .string(modelName))])),
      "batch_size": .null, "batch_sizes": [], "device": "cpu", "use_cache": .null,
      "limit": limited.map(\.samples).max().map { .integer($0) } ?? .null,
      "bootstrap_iters": 100_000, "gen_kwargs": .object(JSONObject()),
      "random_seed": 0, "numpy_seed": 1234, "torch_seed": 1234, "fewshot_seed": 1234,
    ]
  }

  /// One line each of what made the numbers, where lm-eval has PyTorch's description.
  private var environment: String {
    provenanceRows.map { "\($0.key): \($0.value)" }.joined(separator: "\n")
  }

  /// `provenance` with nested members as `libraries.openblasCore`.
  var provenanceRows: [(key: String, value: String)] {
    func rows(_ value: JSONValue, _ key: String) -> [(key: String, value: String)] {
      guard let members = value.objectValue?.members else {
        return [(key, value.stringValue ?? value.compact)]
      }
      return members.flatMap { rows($0.value, "\(key).\($0.key)") }
    }
    return provenance.members.flatMap { rows($0.value, $0.key) }
  }

  /// A model's name as lm-eval makes a folder's of it: runs of `"<>:/|\?*[]` become `__`.
  static func sanitized(_ name: String) -> String {
    var text = ""
    var isReplacing = false
    for character in name.unicodeScalars {
      let isUnsafe = "\"<>:/|\\?*[]".unicodeScalars.contains(character)
      if isUnsafe, !isReplacing { text += "__" }
      if !isUnsafe { text.unicodeScalars.append(character) }
      isReplacing = isUnsafe
    }
    return text
  }
}

extension TaskResult {
  /// `{"name", "alias", "sample_len", "acc,none", "acc_stderr,none", …}`.
  fileprivate var lmEvalResult: JSONValue {
    var object: JSONObject = [
      "name": .string(name), "alias": .string(name), "sample_len": .integer(samples),
    ]
    for metric in metrics {
      object["\(metric.name),none"] = .number(metric.value)
      let error = metric.standardError.flatMap { $0.isFinite ? $0 : nil }
      object["\(metric.name)_stderr,none"] = error.map { .number($0) } ?? "N/A"
    }
    return .object(object)
  }

  fileprivate var lmEvalDirections: JSONValue {
    .object(JSONObject(metrics.map { ($0.name, .bool($0.higherIsBetter)) }))
  }

  /// Under lm-eval's keys what its tools look for, and the task file itself.
  fileprivate var lmEvalConfiguration: JSONValue {
    let types = [
      "multiple-choice": "multiple_choice", "continuation": "loglikelihood",
      "rolling": "loglikelihood_rolling",
    ]
    let kind = configuration["kind"]?.stringValue ?? "rolling"
    return [
      "task": .string(name), "output_type": .string(types[kind] ?? kind),
      "metric_list": .array(
        metrics.map {
          ["metric": .string($0.name), "higher_is_better": .bool($0.higherIsBetter)]
        }),
      "num_fewshot": .integer(shots), "metadata": ["version": .number(version)],
      "definition": configuration,
    ]
  }
}

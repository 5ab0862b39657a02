import Foundation
import Synchronization

/// Counts what a server does, for `/metrics`.
final class Metrics: Sendable {
  private struct Values {
    var requests: [String: Int] = [:]
    var promptTokens = 0, generatedTokens = 0, cancelled = 0, rounds = 0
    var readingSeconds = 0.0, decodingSeconds = 0.0
    var firstTokens = 0, firstTokenSeconds = 0.0
    var answers = 0, answerSeconds = 0.0
    var waiting = 0, reading = 0, decoding = 0
  }

  private let values = Mutex(Values())

  func count(endpoint: String, status: Int, seconds: Double) {
    values.withLock {
      $0.requests["endpoint=\"\(endpoint)\",status=\"\(status)\"", default: 0] += 1
      $0.answers += 1
      $0.answerSeconds += seconds
    }
  }

  func count(promptTokens: Int, seconds: Double) {
    values.withLock {
      $0.promptTokens += promptTokens
      $0.readingSeconds += seconds
    }
  }

  func count(generatedTokens: Int, seconds: Double) {
    values.withLock {
      $0.generatedTokens += generatedTokens
      $0.rounds += 1
      $0.decodingSeconds += seconds
    }
  }

  func count(firstTokenSeconds: Double) {
    values.withLock {
      $0.firstTokens += 1
      $0.firstTokenSeconds += firstTokenSeconds
    }
  }

  func count(cancelled: Int) { values.withLock { $0.cancelled += cancelled } }

  func set(waiting: Int, reading: Int, decoding: Int) {
    values.withLock { ($0.waiting, $0.reading, $0.decoding) = (waiting, reading, decoding) }
  }

  /// Prometheus' text format.
  var text: String {
    let values = values.withLock { $0 }
    let requests = values.requests.sorted { $0.key < $1.key }.map {
      "linearize_requests_total{\($0.key)} \($0.value)"
    }
    let families: [(name: String, type: String, help: String, samples: [String])] = [
      ("linearize_requests_total", "counter", "Requests by endpoint and status.", requests),
      (
        "linearize_cancelled_requests_total", "counter", "Requests whose client went away.",
        ["linearize_cancelled_requests_total \(values.cancelled)"]
      ),
      (
        "linearize_prompt_tokens_total", "counter", "Tokens of prompts that were read.",
        ["linearize_prompt_tokens_total \(values.promptTokens)"]
      ),
      (
        "linearize_generated_tokens_total", "counter",
        "Tokens decoded, without the first of each choice.",
        ["linearize_generated_tokens_total \(values.generatedTokens)"]
      ),
      (
        "linearize_decoding_rounds_total", "counter",
        "Times that all sequences got a token together.",
        ["linearize_decoding_rounds_total \(values.rounds)"]
      ),
      (
        "linearize_busy_seconds_total", "counter", "Seconds spent reading prompts and decoding.",
        [
          "linearize_busy_seconds_total{phase=\"reading\"} \(values.readingSeconds)",
          "linearize_busy_seconds_total{phase=\"decoding\"} \(values.decodingSeconds)",
        ]
      ),
      (
        "linearize_sequences", "gauge", "Sequences under way.",
        [
          "linearize_sequences{state=\"waiting\"} \(values.waiting)",
          "linearize_sequences{state=\"reading\"} \(values.reading)",
          "linearize_sequences{state=\"decoding\"} \(values.decoding)",
        ]
      ),
      (
        "linearize_first_token_seconds", "summary", "From arrival to the first token.",
        [
          "linearize_first_token_seconds_sum \(values.firstTokenSeconds)",
          "linearize_first_token_seconds_count \(values.firstTokens)",
        ]
      ),
      (
        "linearize_request_seconds", "summary", "From arrival to the last byte.",
        [
          "linearize_request_seconds_sum \(values.answerSeconds)",
          "linearize_request_seconds_count \(values.answers)",
        ]
      ),
    ]
    return families.map { family in
      (["# HELP \(family.name) \(family.help)", "# TYPE \(family.name) \(family.type)"]
        + family.samples).joined(separator: "\n") + "\n"
    }.joined()
  }
}

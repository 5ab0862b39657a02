import Corpus
import Documents
import Foundation
import Results

extension EvaluationTask {
  /// What the model's answers to the samples' requests come to.
  ///
  /// - Parameters:
  ///   - likelihoods: one a request of `TaskEncoding.encode`, in its order.
  ///   - truncatedSamples: from the same.
  ///   - resamples: of the bootstrap of a perplexity's standard error.
  ///   - hash: SHA-256 of a text's UTF-8, in hexadecimal.
  /// - Throws: `TaskError` when a log-likelihood is not a number.
  /// - Precondition: as many lists of likelihoods as samples, at least one.
  public func result(
    of samples: [TaskSample], likelihoods: [[LogLikelihood]], truncatedSamples: Int = 0,
    seconds: Double = 0, resamples: Int = 100_000, hash: (String) -> String
  ) throws -> TaskResult {
    try check(samples, likelihoods)
    let metrics = metrics.map { metric in
      let (value, standardError) = total(metric, samples, likelihoods, resamples: resamples)
      return TaskResult.Metric(
        name: metric.rawValue, value: value, standardError: standardError,
        higherIsBetter: metric.higherIsBetter)
    }
    return TaskResult(
      name: name, metrics: metrics, samples: samples.count, availableSamples: availableSamples,
      truncatedSamples: truncatedSamples, shots: shots, version: version,
      configuration: configuration, samplesHash: try samplesHash(samples, hash: hash),
      seconds: seconds, chance: chance(samples))
  }

  /// A score that is no number would be compared as if it were one.
  func check(_ samples: [TaskSample], _ likelihoods: [[LogLikelihood]]) throws {
    precondition(
      samples.count == likelihoods.count && !samples.isEmpty,
      "\(samples.count) samples and \(likelihoods.count) lists of likelihoods")
    for (sample, likelihoods) in zip(samples, likelihoods) {
      precondition(
        isRolling || likelihoods.count == sample.requests.count,
        "\(sample.requests.count) requests and \(likelihoods.count) likelihoods")
      if let index = likelihoods.firstIndex(where: { !$0.sum.isFinite }) {
        throw TaskError.badData(
          "\(dataPath), line \(sample.line): the model gives request \(index) a log-likelihood of "
            + "\(likelihoods[index].sum); a model that gives no numbers cannot be scored")
      }
    }
  }

  private func total(
    _ metric: TaskMetric, _ samples: [TaskSample], _ likelihoods: [[LogLikelihood]],
    resamples: Int
  ) -> (value: Double, standardError: Double?) {
    let values = zip(samples, likelihoods).map { value(metric, $0, $1) }
    switch metric {
    case .accuracy, .normalizedAccuracy, .accuracyInAll, .letterShare:
      return (SampleStatistics.mean(values), SampleStatistics.standardError(values))
    case .perplexity:
      return (
        exp(-SampleStatistics.mean(values)),
        SampleStatistics.perplexityStandardError(values, resamples: resamples)
      )
    case .wordPerplexity, .bytePerplexity, .bitsPerByte:
      let weights = samples.reduce(0) { $0 + weight(metric, $1) }
      let mean = values.reduce(0, +) / Double(weights)
      return (metric == .bitsPerByte ? -mean / log(2) : exp(-mean), nil)
    }
  }

  /// What one sample adds to a metric: a share from 0 to 1, or nats.
  func value(_ metric: TaskMetric, _ sample: TaskSample, _ found: [LogLikelihood]) -> Double {
    switch metric {
    case .accuracy:
      guard let answer = sample.answer else { return found[0].isGreedy ? 1 : 0 }
      if sample.rotations > 0 {
        return SampleStatistics.mean(Self.isRight(sample, found).map { $0 ? 1 : 0 })
      }
      return Self.best(found.map(\.sum)) == answer ? 1 : 0
    case .normalizedAccuracy:
      let means = zip(found, sample.choiceLengths).map { $0.sum / Double($1) }
      return Self.best(means) == sample.answer ? 1 : 0
    case .accuracyInAll: return Self.isRight(sample, found).allSatisfy { $0 } ? 1 : 0
    case .letterShare:
      let letters = Self.letters(sample, found)
      let most = letters.map { letter in letters.count { $0 == letter } }.max() ?? 0
      return Double(most) / Double(letters.count)
    case .perplexity: return found[0].sum
    case .wordPerplexity, .bytePerplexity, .bitsPerByte:
      return found.reduce(0) { $0 + $1.sum }
    }
  }

  /// Words or bytes that a sample's nats are divided by.
  func weight(_ metric: TaskMetric, _ sample: TaskSample) -> Int {
    metric == .wordPerplexity ? sample.words : sample.bytes
  }

  /// The place of the most probable letter in each rotation.
  private static func letters(_ sample: TaskSample, _ found: [LogLikelihood]) -> [Int] {
    let choices = sample.rotations
    return (0..<choices).map { rotation in
      best(found[rotation * choices..<(rotation + 1) * choices].map(\.sum))
    }
  }

  /// Whether the letter of each rotation stands before the right choice.
  private static func isRight(_ sample: TaskSample, _ found: [LogLikelihood]) -> [Bool] {
    letters(sample, found).enumerated().map { first, place in
      (first + place) % sample.rotations == sample.answer
    }
  }

  /// The first of the largest.
  private static func best(_ values: [Double]) -> Int {
    values.indices.dropFirst().reduce(0) { values[$1] > values[$0] ? $1 : $0 }
  }

  /// Mean accuracy of guessing blindly among the choices.
  private func chance(_ samples: [TaskSample]) -> Double? {
    if samples.contains(where: { $0.answer == nil }) { return nil }
    return SampleStatistics.mean(samples.map { 1 / Double($0.choices) })
  }
}

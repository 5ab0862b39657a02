import Foundation
import Results

extension LinearShare {
  /// The report's sentence.
  public var sentence: String {
    let perplexity = { (loss: Double) in Figures.decimals(exp(loss)) }
    let numbers =
      "perplexity \(perplexity(studentLoss)), without its memory "
      + perplexity(withoutLinearLoss)
      + (untrainedLoss.map {
        ", the untrained teacher with \(hasWindow ? "the same" : "a") window and sinks "
          + perplexity($0)
      } ?? "")
      + (isGainCertain
        ? share.map { "; it closes \(Figures.percent($0)) of the gap to the teacher" } ?? "" : "")
    if hasEarnedItsPlace { return "The memory earned its place: \(numbers)." }
    let reason =
      isGainCertain
      ? "an untrained window with sinks does as well or better"
      : gain > 0
        ? "what it adds is within two standard errors" : "without it the student is no worse"
    return "The memory did not earn its place: \(reason) (\(numbers))."
  }
}

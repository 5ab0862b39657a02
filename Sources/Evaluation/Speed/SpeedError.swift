import Documents
import Results
import Transformers

/// Why a speed measurement cannot begin.
public enum SpeedError: ExitCoded, Equatable, CustomStringConvertible {
  case lengths([Int])
  case steps(Int)
  /// The model's sequences end before the steps after these lengths do.
  case beyondLimit(lengths: [Int], limit: LengthLimit, steps: Int)

  public var exitCode: ExitCode { .usage }

  public var description: String {
    switch self {
    case .lengths(let lengths):
      "the context lengths are \(lengths), expected at least one, each 1 token or more"
    case .steps(let steps):
      "the steps at each length are \(steps), expected 1 or more"
    case .beyondLimit(let lengths, let limit, let steps):
      "context lengths \(lengths.map(Figures.count).joined(separator: ", ")) are too long: the model "
        + "has \(limit.reason); expected at most "
        + "\(Figures.count(max(0, limit.tokens - steps - 1))), which leaves room for \(steps + 1) "
        + "steps after each: give shorter ones"
    }
  }
}

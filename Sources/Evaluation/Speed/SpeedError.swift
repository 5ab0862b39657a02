import Documents
import Reports

/// Why a speed measurement cannot begin.
public enum SpeedError: ExitCoded, Equatable, CustomStringConvertible {
  case lengths([Int])
  case steps(Int)
  /// Learned positions end before the steps after these lengths do.
  case beyondPositions(lengths: [Int], positions: Int, steps: Int)

  public var exitCode: ExitCode { .usage }

  public var description: String {
    switch self {
    case .lengths(let lengths):
      "the context lengths are \(lengths), expected at least one, each 1 token or more"
    case .steps(let steps):
      "the steps at each length are \(steps), expected 1 or more"
    case .beyondPositions(let lengths, let positions, let steps):
      "context lengths \(lengths.map(Figures.count).joined(separator: ", ")) are beyond the model's "
        + "\(Figures.count(positions)) learned positions; expected at most "
        + "\(Figures.count(max(0, positions - steps - 1))), which leaves room for \(steps + 1) "
        + "steps after each: give shorter ones"
    }
  }
}

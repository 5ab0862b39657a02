import Results

/// One model on its way through the lengths.
final class SpeedTrack {
  let role: SpeedResult.Role
  let reader: any ContextReader
  /// Tokens of the prompt that were read.
  private(set) var position = 0
  private(set) var points: [SpeedResult.Point] = []
  private var prefillSeconds = 0.0
  private var pace = ReadingPace()

  init(_ role: SpeedResult.Role, _ reader: any ContextReader) {
    self.role = role
    self.reader = reader
  }

  /// Seconds to a length and of its steps, foretold; nil before anything was read.
  func seconds(to length: Int, steps: Int) -> Double? {
    pace.seconds(for: position..<length).map {
      $0 + Double(steps + 1) * (points.last?.secondsPerToken ?? 0)
    }
  }

  /// Notes a piece that was read.
  func observe(_ piece: Range<Int>, seconds: Double) {
    precondition(piece.lowerBound == position, "\(piece) was read at \(position)")
    position = piece.upperBound
    prefillSeconds += seconds
    pace.observe(piece, seconds: seconds)
  }

  /// Notes the steps that were made at the present position.
  func observe(stepSeconds: [Double]) {
    points.append(
      SpeedResult.Point(
        length: position, prefillTokensPerSecond: Double(position) / max(prefillSeconds, 1e-9),
        secondsPerToken: max(Self.median(stepSeconds), 1e-9), stateBytes: reader.stateBytes))
  }

  static func median(_ values: [Double]) -> Double {
    let sorted = values.sorted()
    let middle = sorted.count / 2
    return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
  }
}

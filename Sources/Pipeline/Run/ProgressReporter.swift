import Documents
import Foundation

/// Shows how far a stage is, on standard error: one line that is redrawn on a terminal, a plain
/// line now and then elsewhere.
///
/// The clock and the sink come from outside; the reporter keeps only when it last spoke.
public struct ProgressReporter {
  /// How progress is shown.
  public enum Style: Sendable, Equatable {
    case terminal(columns: Int, colour: Bool)
    /// A line at most every so many seconds.
    case plain(interval: Double)
    case quiet
  }

  private let style: Style
  /// Seconds of a clock that never goes back.
  private let now: () -> Double
  private let write: (String) -> Void
  private var stage: Stage?
  /// Whether the terminal's cursor stands behind a line that will be redrawn.
  private var hasOpenLine = false

  private struct Stage {
    var name: String
    var totalSteps: Int
    var firstStep: Int
    var start: Double
    var lastWrite: Double?
    var tokens = 0
  }

  /// A reporter.
  ///
  /// - Parameters:
  ///   - now: Seconds of a clock that never goes back.
  ///   - write: Takes text as it is to appear.
  public init(
    style: Style, now: @escaping () -> Double, write: @escaping (String) -> Void
  ) {
    self.style = style
    self.now = now
    self.write = write
  }

  /// For this process's standard error, after its kind and the environment.
  public static func standardError(
    quiet: Bool, environment: [String: String], write: @escaping (String) -> Void
  ) -> ProgressReporter {
    let isTerminal = isatty(STDERR_FILENO) == 1 && environment["TERM"] != "dumb"
    let colour = (environment["NO_COLOR"] ?? "").isEmpty
    let columns = environment["COLUMNS"].flatMap(Int.init) ?? 100
    let style: Style =
      quiet
      ? .quiet : isTerminal ? .terminal(columns: columns, colour: colour) : .plain(interval: 30)
    return ProgressReporter(
      style: style, now: { ProcessInfo.processInfo.systemUptime }, write: write)
  }

  /// - Parameter firstStep: Steps done before, by a run that this one resumes; they tell nothing of
  ///   this run's speed.
  public mutating func begin(stage name: String, totalSteps: Int, firstStep: Int = 0) {
    stage = Stage(name: name, totalSteps: totalSteps, firstStep: firstStep, start: now())
  }

  /// - Parameters:
  ///   - step: Steps done.
  ///   - tokens: Tokens that this step took.
  ///   - measures: What to show beside, such as `("loss", 22.4)`.
  public mutating func update(step: Int, tokens: Int, measures: [(String, Double)] = []) {
    guard var stage, style != .quiet else { return }
    stage.tokens += tokens
    defer { self.stage = stage }
    let time = now()
    let interval =
      switch style {
      case .plain(let interval): interval
      default: 0.1
      }
    let isLast = step >= stage.totalSteps
    if !isLast, let last = stage.lastWrite, time - last < interval { return }
    stage.lastWrite = time
    if case .terminal = style { hasOpenLine = true }
    write(line(stage, step: step, seconds: time - stage.start, measures: measures))
  }

  /// Leaves the last line standing.
  public mutating func end() {
    if hasOpenLine { write("\n") }
    hasOpenLine = false
    stage = nil
  }

  /// A message of its own; a line being redrawn gives way to it.
  public mutating func log(_ message: String) {
    if style == .quiet { return }
    if hasOpenLine { write("\r\u{1B}[K") }
    hasOpenLine = false
    write(TerminalText.visible(message) + "\n")
  }

  private func line(
    _ stage: Stage, step: Int, seconds: Double, measures: [(String, Double)]
  ) -> String {
    var parts = ["\(stage.name) \(step)/\(stage.totalSteps)"]
    parts += measures.map { "\($0) \(Self.spelling($1))" }
    let done = step - stage.firstStep
    if seconds > 0, done > 0 {
      if stage.tokens > 0 {
        parts.append("\(Int((Double(stage.tokens) / seconds).rounded())) tokens/s")
      }
      let left = seconds / Double(done) * Double(stage.totalSteps - step)
      parts.append(
        step < stage.totalSteps
          ? "\(Self.duration(left)) left" : "in \(Self.duration(seconds))")
    }
    let text = parts.joined(separator: "  ")
    guard case .terminal(let columns, let colour) = style else { return text + "\n" }
    let shown = String(text.prefix(max(1, columns - 1)))
    return "\r" + (colour ? "\u{1B}[1m\(shown)\u{1B}[0m" : shown) + "\u{1B}[K"
  }

  /// Four significant digits.
  static func spelling(_ value: Double) -> String { String(format: "%.4g", value) }

  /// `45 s`, `3 min 05 s`, `2 h 07 min`.
  static func duration(_ seconds: Double) -> String {
    let seconds = Int(seconds.rounded(.up))
    if seconds < 60 { return "\(seconds) s" }
    if seconds < 3600 { return String(format: "%d min %02d s", seconds / 60, seconds % 60) }
    return String(format: "%d h %02d min", seconds / 3600, seconds / 60 % 60)
  }
}

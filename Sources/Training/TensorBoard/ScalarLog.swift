import Documents

/// Scalars of a run's stages for TensorBoard, a folder of event files a stage, so that TensorBoard
/// shows stages as runs.
///
/// A view of the run and no part of it: a full disk or a removed folder costs the view, and one
/// warning, never the training. Every append tries again.
public final class ScalarLog {
  private let folder: String
  private let host: String
  private let process: Int
  private let wallClock: () -> Double
  private var current: (stage: String, file: EventFile)?
  private var hasWarned = false

  /// - Parameters:
  ///   - folder: of all stages; made with the first scalars.
  ///   - host: the machine's name, for the files' names.
  ///   - process: the process's number, likewise.
  ///   - wallClock: seconds since 1970.
  public init(folder: String, host: String, process: Int, wallClock: @escaping () -> Double) {
    self.folder = folder
    self.host = host
    self.process = process
    self.wallClock = wallClock
  }

  /// Appends the scalars of one step. With the first ones of a stage its file begins.
  ///
  /// - Parameters:
  ///   - stage: becomes the folder's name; may contain slashes.
  ///   - step: optimizer steps done, ascending within a stage.
  ///   - warn: told of the first failure of the log's life.
  public func append(
    _ scalars: [(tag: String, value: Double)], stage: String, step: Int, warn: (String) -> Void
  ) {
    let time = wallClock()
    do throws(DocumentFile.Failure) {
      try file(stage, firstStep: step, time: time).append(scalars, step: step, wallTime: time)
    } catch {
      if !hasWarned {
        warn("warning: \(error); training goes on, TensorBoard will lack what is not written")
      }
      hasWarned = true
    }
  }

  private func file(
    _ stage: String, firstStep: Int, time: Double
  ) throws(DocumentFile.Failure) -> EventFile {
    if let current, current.stage == stage { return current.file }
    current = nil
    let file = try EventFile(
      in: "\(folder)/\(stage)",
      name: EventFile.name(seconds: Int(time), host: host, process: process), wallTime: time,
      firstStep: firstStep)
    current = (stage, file)
    return file
  }
}

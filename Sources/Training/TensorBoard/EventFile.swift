import Documents
import Foundation

/// A file of scalars that TensorBoard reads, growing by one record a step.
///
/// A process never goes on with another's file: it makes its own, which says at which step it
/// began, so that TensorBoard drops what a killed predecessor wrote of steps that are done again.
public final class EventFile {
  /// Where the file lies.
  public let path: String
  /// Bytes written so far.
  private var position = 0
  private let descriptor: Int32

  /// What TensorBoard takes for an event file; files of one folder are read in the order of names.
  ///
  /// - Parameters:
  ///   - seconds: since 1970, of the process's start or later.
  ///   - process: the process's number.
  public static func name(seconds: Int, host: String, process: Int) -> String {
    let digits = String(max(0, seconds))
    let padded = String(repeating: "0", count: max(0, 10 - digits.count)) + digits
    return "events.out.tfevents.\(padded).\(host.replacing("/", with: "-")).\(process)"
  }

  /// Makes the file, and its folder when that is not there. Where a file has the name, a number is
  /// put behind it.
  ///
  /// - Parameters:
  ///   - wallTime: seconds since 1970.
  ///   - firstStep: the step of the first scalars to come; what earlier files of the folder say of
  ///     it and of later ones is void.
  /// - Throws: `DocumentFile.Failure`; no file is then left behind.
  public convenience init(
    in folder: String, name: String, wallTime: Double, firstStep: Int
  ) throws(DocumentFile.Failure) {
    try Self.makeFolder(folder)
    let (path, descriptor) = try Self.create("\(folder)/\(name)")
    self.init(path, descriptor: descriptor)
    do throws(DocumentFile.Failure) {
      try append(Event(wallTime: wallTime, step: 0, content: .fileVersion))
      try append(Event(wallTime: wallTime, step: firstStep, content: .sessionStart))
    } catch {
      unlink(path)
      throw error
    }
  }

  /// Takes over an open, empty file.
  init(_ path: String, descriptor: Int32) {
    self.path = path
    self.descriptor = descriptor
  }

  deinit { close(descriptor) }

  /// Appends one record; it is with the operating system when this returns.
  ///
  /// - Parameters:
  ///   - step: optimizer steps done.
  ///   - wallTime: seconds since 1970.
  /// - Throws: `DocumentFile.Failure`, for a full disk too; a torn record is taken back, so that
  ///   later ones can be read.
  public func append(
    _ scalars: [(tag: String, value: Double)], step: Int, wallTime: Double
  ) throws(DocumentFile.Failure) {
    try append(Event(wallTime: wallTime, step: step, content: .scalars(scalars)))
  }

  private func append(_ event: Event) throws(DocumentFile.Failure) {
    let record = event.record
    do throws(DocumentFile.Failure) {
      try DocumentFile.write(record, to: descriptor, path: path)
    } catch {
      _ = ftruncate(descriptor, off_t(position))
      _ = lseek(descriptor, off_t(position), SEEK_SET)
      throw error
    }
    position += record.count
  }

  private static func create(_ path: String) throws(DocumentFile.Failure) -> (String, Int32) {
    for number in 0... {
      let candidate = number == 0 ? path : "\(path).\(number)"
      let descriptor = open(candidate, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
      if descriptor >= 0 { return (candidate, descriptor) }
      if errno != EEXIST {
        throw DocumentFile.Failure(path: candidate, operation: "create it", errorNumber: errno)
      }
    }
    preconditionFailure("the loop has no end")
  }

  private static func makeFolder(_ path: String) throws(DocumentFile.Failure) {
    // What is there but no folder shows when the file is created.
    if mkdir(path, 0o755) == 0 || errno == EEXIST { return }
    let number = errno
    let parent = FilePath.folder(of: path)
    guard number == ENOENT, parent != path else {
      throw DocumentFile.Failure(
        path: path, operation: "create the folder", errorNumber: number)
    }
    try makeFolder(parent)
    if mkdir(path, 0o755) != 0, errno != EEXIST {
      throw DocumentFile.Failure(path: path, operation: "create the folder", errorNumber: errno)
    }
  }
}

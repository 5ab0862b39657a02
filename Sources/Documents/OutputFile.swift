import Foundation

/// What may be written over: nothing that is not ours to replace, and no input.
public enum OutputFile {
  /// A result that would be written over what it is made of.
  public struct IsInput: ExitCoded, Equatable, CustomStringConvertible {
    /// The result's file as it was named.
    public let path: String

    public var exitCode: ExitCode { .usage }
    public var description: String {
      "\(path): is read and would be written over; name another file with --output"
    }
  }

  /// Publication renames a new file over the old one, which would put a file in the place of a
  /// device or a pipe: as root, of `/dev/null` for every process of the machine.
  ///
  /// - Throws: `DocumentFile.Failure` when something is there that is no file.
  public static func requireReplaceable(_ path: String) throws(DocumentFile.Failure) {
    var status = stat()
    guard stat(path, &status) == 0, status.st_mode & S_IFMT != S_IFREG else { return }
    let isFolder = status.st_mode & S_IFMT == S_IFDIR
    throw DocumentFile.Failure(
      path: path, operation: "replace it", errorNumber: isFolder ? EISDIR : EINVAL,
      reason: isFolder
        ? nil : "it is a device, a pipe or a socket; name a file, or one that is not there yet")
  }

  /// - Parameters:
  ///   - outputs: files about to be written.
  ///   - inputs: files that are read, by whatever names and links.
  /// - Throws: `IsInput`, `DocumentFile.Failure` as `requireReplaceable`.
  public static func check(_ outputs: [String], inputs: [String]) throws {
    let read = Set(inputs.compactMap(Identity.init))
    for output in outputs {
      if let identity = Identity(output), read.contains(identity) { throw IsInput(path: output) }
      try requireReplaceable(output)
    }
  }

  /// A file whatever it is called; nil where there is none.
  private struct Identity: Hashable {
    let device: dev_t
    let number: ino_t

    init?(_ path: String) {
      var status = stat()
      guard stat(path, &status) == 0 else { return nil }
      (device, number) = (status.st_dev, status.st_ino)
    }
  }
}

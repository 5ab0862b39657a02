import Foundation
import Testing

/// One run of the built program, which SwiftPM puts beside the tests.
struct Program {
  let status: Int32
  let output: String
  let errors: String

  /// The folder of this checkout.
  static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().path
  /// A teacher of four layers that is in the repository.
  static let teacher = root + "/data/teachers/small"

  /// Runs it to its end.
  ///
  /// - Parameters:
  ///   - environment: what is added to this process's; nil takes a variable away.
  ///   - outputPath: where standard output goes; nil to a file that is read back.
  ///   - shell: commands of a shell that becomes the program after them, such as `ulimit`, or
  ///     redirections of `exec`.
  static func run(
    _ arguments: [String], in folder: String, environment: [String: String?] = [:],
    outputPath: String? = nil, shell: String? = nil
  ) throws -> Program {
    let program = try start(
      arguments, in: folder, environment: environment, outputPath: outputPath, shell: shell)
    program.process.waitUntilExit()
    return try program.finished()
  }

  /// A program that was started.
  struct Running {
    let process: Process
    fileprivate let folder: String
    fileprivate let readsOutput: Bool

    /// What it has written to standard error so far.
    func errors() throws -> String {
      try String(contentsOfFile: folder + "/errors", encoding: .utf8)
    }

    /// What it gave; it must have ended.
    func finished() throws -> Program {
      let text = { (name: String) in try String(contentsOfFile: folder + name, encoding: .utf8) }
      let result = Program(
        status: process.terminationStatus, output: readsOutput ? try text("/output") : "",
        errors: try text("/errors"))
      try FileManager.default.removeItem(atPath: folder)
      #expect(process.terminationReason == .exit, "ended by signal \(result.status)")
      return result
    }
  }

  static func start(
    _ arguments: [String], in folder: String, environment: [String: String?] = [:],
    outputPath: String? = nil, shell: String? = nil
  ) throws -> Running {
    // Files, not pipes: nobody has to read while it writes.
    let files = folder + "/.program-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: files, withIntermediateDirectories: true)
    let process = Process()
    let program = try #require(
      Bundle.main.executableURL?.resolvingSymlinksInPath().deletingLastPathComponent()
        .appendingPathComponent("linearize"))
    if let shell {
      process.executableURL = URL(fileURLWithPath: "/bin/sh")
      process.arguments = ["-c", shell + #"; exec "$0" "$@""#, program.path] + arguments
    } else {
      process.executableURL = program
      process.arguments = arguments
    }
    process.currentDirectoryURL = URL(fileURLWithPath: folder)
    var variables = ProcessInfo.processInfo.environment
    for (name, value) in environment { variables[name] = value }
    process.environment = variables
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = try handle(outputPath ?? files + "/output")
    process.standardError = try handle(files + "/errors")
    try process.run()
    return Running(process: process, folder: files, readsOutput: outputPath == nil)
  }

  private static func handle(_ path: String) throws -> FileHandle {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
    try #require(descriptor >= 0, "\(path): \(String(cString: strerror(errno)))")
    return FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
  }
}

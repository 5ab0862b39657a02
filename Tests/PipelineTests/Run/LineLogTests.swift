import Documents
import Foundation
import TestSupport
import Testing

@testable import Pipeline

@Suite struct LineLogTests {
  private func text(_ path: String) throws -> String {
    try String(contentsOfFile: path, encoding: .utf8)
  }

  @Test func `A log resumed at a checkpoint's position has the bytes of one never interrupted`()
    throws
  {
    try withTemporaryFolder { folder in
      let lines = (1...6).map { step -> JSONValue in
        ["step": .integer(step), "loss": .number(1 / Double(step))]
      }
      let whole = try LineLog(folder + "/whole.jsonl")
      for line in lines { try whole.append(line) }
      for stop in 0...6 {
        for checkpoint in 0...stop {
          let path = "\(folder)/\(stop)-\(checkpoint).jsonl"
          var position = 0
          do {
            let first = try LineLog(path)
            for (index, line) in lines[..<stop].enumerated() {
              if index == checkpoint { position = first.position }
              try first.append(line)
            }
            if checkpoint == stop { position = first.position }
            try first.synchronize()
          }
          let second = try LineLog(path, at: position)
          for line in lines[checkpoint...] { try second.append(line) }
          #expect(try text(path) == text(folder + "/whole.jsonl"))
          #expect(second.position == whole.position)
        }
      }
    }
  }

  @Test func `A line torn by a kill is cut off when the log goes on at its end`() throws {
    try withTemporaryFolder { folder in
      let path = folder + "/timings.jsonl"
      for (before, after) in [
        ("", ""), ("{\"a\":1}\n", "{\"a\":1}\n"), ("{\"a\":1}\n{\"b", "{\"a\":1}\n"), ("{\"a", ""),
      ] {
        try DocumentFile(path).replace(with: before)
        let log = try LineLog(path)
        try log.append(["c": 2])
        #expect(try text(path) == after + "{\"c\":2}\n")
      }
    }
  }

  @Test func `A log shorter than its checkpoint says is refused with exit 65`() throws {
    try withTemporaryFolder { folder in
      let path = folder + "/metrics.jsonl"
      try DocumentFile(path).replace(with: "{}\n")
      let error = #expect(throws: RunError.self) { try LineLog(path, at: 10) }
      #expect(error?.exitCode == .badData)
      #expect(error == .shortLog(path: path, bytes: 3, expected: 10))
      #expect(try text(path) == "{}\n")
    }
  }

  @Test func `A full disk is an error with exit 74`() {
    let descriptor = open("/dev/full", O_WRONLY)
    defer { close(descriptor) }
    let error = #expect(throws: DocumentFile.Failure.self) {
      try DocumentFile.write([1, 2, 3], to: descriptor, path: "metrics.jsonl")
    }
    #expect(error?.exitCode == .inputOutput)
    #expect(error?.description == "metrics.jsonl: cannot write it: No space left on device")
  }

  @Test func `A file that cannot be replaced stays as it was, with nothing beside it`() throws {
    try withTemporaryFolder { folder in
      try FileManager.default.createDirectory(
        atPath: folder + "/status.json/inside", withIntermediateDirectories: true)
      let error = #expect(throws: DocumentFile.Failure.self) {
        try DocumentFile(folder + "/status.json").replace(with: "x")
      }
      #expect(error?.exitCode == .inputOutput)
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["status.json"])
      let missing = #expect(throws: DocumentFile.Failure.self) {
        try DocumentFile(folder + "/none/file").replace(with: "x")
      }
      #expect(missing?.description.hasSuffix("No such file or directory") == true)
    }
  }
}

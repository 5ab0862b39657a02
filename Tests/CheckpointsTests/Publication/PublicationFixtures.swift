import Documents
import Foundation
import Synchronization

@testable import Checkpoints

/// Publishes a small checkpoint of two files.
func publishStep(_ step: Int, in parent: String, contents: String = "weights") throws {
  let digits = String(step)
  try AtomicDirectory.publish(
    parent: parent, name: "step-" + String(repeating: "0", count: 8 - digits.count) + digits,
    manifest: JSONObject([(key: "step", value: .integer(step))]),
    write: { folder in
      try write(Array("\(contents) \(step)".utf8), to: "\(folder)/weights.h5")
      try FileManager.default.createDirectory(
        atPath: "\(folder)/optimizer", withIntermediateDirectories: false)
      try write(Array("moments \(step)".utf8), to: "\(folder)/optimizer/moments.h5")
    },
    verify: { folder in
      if try bytes(of: "\(folder)/weights.h5").isEmpty { throw Refusal() }
    })
}

struct Refusal: Error {}

func text(_ path: String) throws -> String { String(decoding: try bytes(of: path), as: UTF8.self) }

func damage(_ path: String) throws {
  var contents = try bytes(of: path)
  contents[contents.count / 2] ^= 1
  try write(contents, to: path)
}

extension FileManager {
  func names(_ path: String) throws -> [String] { try contentsOfDirectory(atPath: path).sorted() }
}

typealias Fault = @Sendable (FileSystem.Operation, _ path: String) -> Int32

/// Runs `body` with calls of the system that fail as `fault` says.
func withCalls<Result>(_ fault: @escaping Fault, _ body: () throws -> Result) rethrows -> Result {
  try FileSystem.withFault(fault, body)
}

/// Counts operations.
final class OperationCounter: Sendable {
  private let count = Mutex(0)
  var total: Int { count.withLock { $0 } }

  func next() -> Int {
    count.withLock {
      $0 += 1
      return $0
    }
  }
}

import Documents
import Foundation
import Testing

@testable import Checkpoints

@Suite struct AtomicDirectoryTests {
  private let files = FileManager.default

  @Test func `a published folder verifies and is the latest`() throws {
    let folder = try TemporaryFolder()
    #expect(try AtomicDirectory.latest(in: folder.path) == nil)
    #expect(try AtomicDirectory.latest(in: folder.file("nowhere")) == nil)
    try publishStep(50, in: folder.path)
    try publishStep(9, in: folder.path)
    let latest = try #require(try AtomicDirectory.latest(in: folder.path))
    #expect(latest.path == folder.file("step-00000050"))
    #expect(latest.manifest["step"] == 50)
    #expect(latest.skipped.isEmpty)
    #expect(try text(folder.file("LATEST")) == "step-00000009\n")
    #expect(try folder.contents == ["LATEST", "step-00000009", "step-00000050"])
    let entry = try #require(latest.manifest["files"]?.arrayValue?.last)
    #expect(entry["name"] == "weights.h5")
    #expect(entry["bytes"] == 10)
    // printf 'weights 50' | sha256sum
    #expect(
      entry["sha256"]
        == "a855b5cdd3a9682585b1758adb31042bdb4705aa13f2243bb5bb3b80677143bf")
  }

  @Test func `a damaged newest one is skipped with its reason`() throws {
    let folder = try TemporaryFolder()
    for step in 1...4 { try publishStep(step, in: folder.path) }
    try damage(folder.file("step-00000004/optimizer/moments.h5"))
    try files.removeItem(atPath: folder.file("step-00000003/weights.h5"))
    let latest = try #require(try AtomicDirectory.latest(in: folder.path))
    #expect(latest.path == folder.file("step-00000002"))
    #expect(latest.skipped.map(\.name) == ["step-00000004", "step-00000003"])
    let damaged = folder.file("step-00000004/optimizer/moments.h5")
    #expect(latest.skipped[0].reason.hasPrefix("\(damaged): found SHA-256 "))
    #expect(
      latest.skipped[1].reason
        == folder.file("step-00000003/weights.h5")
        + ": there is no such file, but the manifest names it")
  }

  @Test(arguments: ["MANIFEST.json", "weights.h5", "optimizer/moments.h5"])
  func `flipped bits are found`(file: String) throws {
    let folder = try TemporaryFolder()
    try publishStep(1, in: folder.path)
    let path = folder.file("step-00000001/\(file)")
    let original = try bytes(of: path)
    for bit in stride(from: 0, to: original.count * 8, by: 5) {
      var damaged = original
      damaged[bit / 8] ^= 1 << UInt8(bit % 8)
      try write(damaged, to: path)
      // Spaces between the manifest's members mean nothing; tabs, say, mean the same.
      do {
        let manifest = try AtomicDirectory.verified(folder.file("step-00000001"))
        #expect(file == "MANIFEST.json" && original[bit / 8] <= 0x20, "bit \(bit)")
        #expect(manifest["step"] == 1)
      } catch let error as PublicationError {
        #expect(error.exitCode == .badData)
      }
    }
  }

  @Test func `files of different sizes, truncated or grown, are found`() throws {
    let folder = try TemporaryFolder()
    try publishStep(1, in: folder.path)
    let path = folder.file("step-00000001/weights.h5")
    let original = try bytes(of: path)
    for changed in [[], Array(original.dropLast()), original + [0]] {
      try write(changed, to: path)
      let error = try #require(throws: PublicationError.self) {
        try AtomicDirectory.verified(folder.file("step-00000001"))
      }
      #expect(error.description == "\(path): found \(changed.count) bytes, expected 9")
    }
  }

  @Test func `when all are damaged, starting afresh is refused`() throws {
    let folder = try TemporaryFolder()
    for step in 1...2 {
      try publishStep(step, in: folder.path)
      try damage(folder.file("step-0000000\(step)/MANIFEST.json"))
    }
    let error = try #require(throws: PublicationError.self) {
      try AtomicDirectory.latest(in: folder.path)
    }
    #expect(error.exitCode == .badData)
    #expect(error.message.hasPrefix("none of its 2 checkpoints can be trusted"))
    #expect(error.message.contains("\n  step-00000002: "))
  }

  @Test func `a manifest cannot lead out of its folder`() throws {
    let folder = try TemporaryFolder()
    try files.createDirectory(atPath: folder.file("step-1"), withIntermediateDirectories: false)
    try write([1], to: folder.file("outside"))
    var manifest = JSONObject()
    manifest["version"] = 1
    manifest["files"] = [["name": "../outside", "bytes": 1, "sha256": "x"]]
    manifest["sha256"] = .string(Digest.sha256(of: JSONValue.object(manifest).compact))
    try write(
      Array(JSONValue.object(manifest).pretty.utf8), to: folder.file("step-1/MANIFEST.json"))
    let error = try #require(throws: PublicationError.self) {
      try AtomicDirectory.verified(folder.file("step-1"))
    }
    #expect(error.message.contains("../outside"))
  }

  @Test func `a step that is done again replaces the old one`() throws {
    let folder = try TemporaryFolder()
    try publishStep(5, in: folder.path, contents: "first")
    try publishStep(5, in: folder.path, contents: "second")
    #expect(try text(folder.file("step-00000005/weights.h5")) == "second 5")
    #expect(try AtomicDirectory.verified(folder.file("step-00000005"))["step"] == 5)
    #expect(try folder.contents == ["LATEST", "step-00000005"])
  }

  @Test func `what fails verification is not published`() throws {
    let folder = try TemporaryFolder()
    try publishStep(1, in: folder.path)
    #expect(throws: Refusal.self) {
      try AtomicDirectory.publish(
        parent: folder.path, name: "step-00000002",
        write: { try write([1], to: "\($0)/weights.h5") }, verify: { _ in throw Refusal() })
    }
    #expect(try folder.contents == ["LATEST", "step-00000001"])
  }

  @Test func `pruning keeps two that verify, and does not touch newer damage`() throws {
    let folder = try TemporaryFolder()
    for step in 1...6 { try publishStep(step, in: folder.path) }
    try damage(folder.file("step-00000005/weights.h5"))
    try files.createDirectory(atPath: folder.file("notes"), withIntermediateDirectories: false)
    let removed = try AtomicDirectory.prune(in: folder.path, keeping: 2)
    #expect(removed == ["step-00000003", "step-00000002", "step-00000001"])
    #expect(
      try folder.contents == ["LATEST", "notes", "step-00000004", "step-00000005", "step-00000006"])
    #expect(try AtomicDirectory.prune(in: folder.path, keeping: 2) == [])
  }
}

import Documents
import Foundation
import Testing

@testable import Checkpoints

@Suite struct PublicationFaultTests {
  /// Every call fails once, in turn, until a publication meets none.
  @Test(arguments: [ENOSPC, EIO, EROFS], [4, 5])
  func `an error in any call leaves what was published before`(number: Int32, step: Int) throws {
    let folder = try TemporaryFolder()
    try publishStep(3, in: folder.path)
    try publishStep(4, in: folder.path, contents: "first")
    var failures = 0
    while true {
      let counter = OperationCounter()
      let failing = failures + 1
      do {
        let fault: Fault = { _, _ in counter.next() == failing ? number : 0 }
        try withCalls(fault) {
          try publishStep(step, in: folder.path, contents: "second")
        }
        break
      } catch let error as PublicationError {
        failures += 1
        #expect(error.exitCode == .inputOutput)
        #expect(error.message.contains(String(cString: strerror(number))))
      }
      let latest = try #require(try AtomicDirectory.latest(in: folder.path))
      #expect(latest.skipped.isEmpty)
      #expect([4, step].contains(latest.manifest["step"]?.intValue))
      #expect(try folder.contents.allSatisfy { !$0.hasPrefix(".tmp-") })
    }
    #expect(failures > 15)
    #expect(
      try folder.contents
        == ["LATEST", "step-00000003", "step-00000004"] + (step == 5 ? ["step-00000005"] : []))
    #expect(try text(folder.file("step-0000000\(step)/weights.h5")) == "second \(step)")
  }

  /// What stands on the disk before each call is what a kill there leaves.
  @Test(arguments: [1, 2]) func `a kill at any call leaves the old or the new`(step: Int) throws {
    let folder = try TemporaryFolder()
    let snapshots = try TemporaryFolder()
    try publishStep(1, in: folder.path, contents: "old")
    let counter = OperationCounter()
    let (source, target) = (folder.path, snapshots.path)
    let copyingFolder: Fault = { _, _ in
      do {
        try FileManager.default.copyItem(
          atPath: source, toPath: "\(target)/\(counter.next())")
        return 0
      } catch {
        return EIO
      }
    }
    try withCalls(copyingFolder) { try publishStep(step, in: folder.path, contents: "new") }
    #expect(counter.total > 15)
    for snapshot in 1...counter.total {
      let parent = snapshots.file("\(snapshot)")
      let latest = try #require(try AtomicDirectory.latest(in: parent))
      let contents = try text(latest.path + "/weights.h5")
      #expect(["old 1", "new \(step)"].contains(contents), "after call \(snapshot)")
      try AtomicDirectory.recover(parent)
      #expect(try AtomicDirectory.latest(in: parent)?.skipped == [])
      try publishStep(step, in: parent, contents: "new")
      #expect(
        try FileManager.default.names(parent)
          == ["LATEST", "step-00000001"] + (step == 2 ? ["step-00000002"] : []))
      #expect(try text("\(parent)/step-0000000\(step)/weights.h5") == "new \(step)")
    }
  }

  @Test func `what a killed writer left is removed, other hidden files are not`() throws {
    let folder = try TemporaryFolder()
    let leftover = folder.file(".tmp-\(UUID().uuidString)-step-00000007")
    try FileManager.default.createDirectory(atPath: leftover, withIntermediateDirectories: false)
    try write([1], to: leftover + "/weights.h5")
    try write([1], to: folder.file(".tmp-notes"))
    try publishStep(1, in: folder.path)
    #expect(try folder.contents == [".tmp-notes", "LATEST", "step-00000001"])
  }

  @Test func `a file's temporary is swept once the process that wrote it is gone`() throws {
    let folder = try TemporaryFolder()
    let target = folder.file("a")
    // A process that has ended, of which the name tells: this one's number, begun at another time.
    let own = WriterIdentity.current.fresh().uuid
    let gone = UUID(
      uuid: (
        own.0, own.1, own.2, own.3, own.4, own.5, own.6, own.7, own.8 ^ 1, own.9, own.10, own.11,
        own.12, own.13, own.14, own.15
      ))
    let elsewhere = UUID(
      uuid: (
        own.0 ^ 1, own.1, own.2, own.3, own.4, own.5, own.6, own.7, own.8, own.9, own.10, own.11,
        own.12, own.13, own.14, own.15
      ))
    let living = WriterIdentity.current.fresh()
    for unique in [gone, elsewhere, living] {
      try write([1], to: folder.file(".tmp-\(unique.uuidString)-a"))
    }
    try AtomicFile.publish(to: target) { try write([2], to: $0) }
    #expect(
      try folder.contents
        == ([elsewhere, living].map { ".tmp-\($0.uuidString)-a" }.sorted() + ["a"]))
    // Of another machine only the age tells.
    let old = Date(timeIntervalSinceNow: -8 * 24 * 3600)
    try FileManager.default.setAttributes(
      [.modificationDate: old],
      ofItemAtPath: folder.file(".tmp-\(elsewhere.uuidString)-a"))
    try AtomicFile.publish(to: target) { try write([2], to: $0) }
    #expect(try folder.contents == [".tmp-\(living.uuidString)-a", "a"])
  }

  @Test func `a checkpoint that cannot be read now is no damaged one`() throws {
    let folder = try TemporaryFolder()
    try publishStep(1, in: folder.path)
    try publishStep(2, in: folder.path)
    for number in [EIO, EMFILE] {
      let fault: FileSystem.Fault = { operation, path in
        operation == .open && path.hasSuffix("MANIFEST.json") ? number : 0
      }
      let error = #expect(throws: PublicationError.self) {
        try FileSystem.withFault(fault) { try AtomicDirectory.latest(in: folder.path) }
      }
      #expect(error?.exitCode == .inputOutput)
      #expect(error?.description.contains("remove") == false)
    }
  }

  @Test func `publications beside each other do not sweep each other`() throws {
    let folder = try TemporaryFolder()
    let target = folder.file("a")
    try AtomicFile.publish(to: target) { temporary in
      try write([1], to: temporary)
      try AtomicFile.publish(to: target) { try write([2], to: $0) }
      #expect(try bytes(of: target) == [2])
    }
    #expect(try bytes(of: target) == [1])
    #expect(try folder.contents == ["a"])
  }
}

import Documents
import Foundation
import TensorCore
import Testing

@testable import Checkpoints

@Suite struct AtomicFileTests {
  @Test func `a file is replaced only by one that verifies`() throws {
    let folder = try TemporaryFolder()
    let target = folder.file("artefact.h5")
    for value in [1.5, 2.5] as [Float] {
      try AtomicFile.publish(
        to: target,
        write: {
          let file = try HDF5File.create($0)
          try file.write("a", [value])
          try file.close()
        },
        verify: { _ = try HDF5File.open($0).floats("a") })
    }
    #expect(throws: HDF5Error.self) {
      try AtomicFile.publish(
        to: target, write: { try write([1, 2, 3], to: $0) },
        verify: { _ = try HDF5File.open($0).floats("a") })
    }
    #expect(try HDF5File.open(target).floats("a") == [2.5])
    #expect(try folder.contents == ["artefact.h5"])
  }

  @Test func `every failing call leaves the old file alone in its folder`() throws {
    let folder = try TemporaryFolder()
    let target = folder.file("a")
    try write([1], to: target)
    var failures = 0
    while true {
      let counter = OperationCounter()
      let failing = failures + 1
      do {
        let fault: Fault = { _, _ in counter.next() == failing ? ENOSPC : 0 }
        try withCalls(fault) {
          try AtomicFile.publish(to: target) { try FileSystem.write([2], to: $0) }
        }
        break
      } catch let error as PublicationError {
        #expect(error.exitCode == .inputOutput)
        #expect(error.description.hasSuffix("free space there or choose another folder"))
        failures += 1
      }
      #expect(try folder.contents == ["a"])
      // The last two calls make the new name durable.
      #expect(try bytes(of: target) == (failures < 8 ? [1] : [2]))
    }
    #expect(failures == 9)
    #expect(try bytes(of: target) == [2])
  }

  @Test func `a full disk is reported with the file and the reason`() async {
    await #expect(processExitsWith: .success) {
      let folder = try TemporaryFolder()
      try write([1], to: folder.file("a"))
      limitFiles(to: 10_000)
      let error = #expect(throws: PublicationError.self) {
        try AtomicFile.publish(to: folder.file("a")) {
          try FileSystem.write([UInt8](repeating: 0, count: 20_000), to: $0)
        }
      }
      let isReported =
        error?.exitCode == .inputOutput && error?.message.contains("File too large") == true
      guard isReported, try bytes(of: folder.file("a")) == [1], try folder.contents == ["a"] else {
        throw Refusal()
      }
    }
  }

  @Test func `folders that do not exist are named`() throws {
    let folder = try TemporaryFolder()
    let error = try #require(throws: PublicationError.self) {
      try AtomicFile.publish(to: folder.file("nowhere/a")) { try write([1], to: $0) }
    }
    #expect(
      error.description
        == "\(folder.file("nowhere")): cannot list it: No such file or directory")
    #expect(error.exitCode == .missingInput)
  }

  @Test func `digests are those of sha256sum`() throws {
    let folder = try TemporaryFolder()
    try write([], to: folder.file("empty"))
    #expect(
      try Digest.sha256(ofFile: folder.file("empty"))
        == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    // head -c 3000000 /dev/zero | sha256sum
    try write([UInt8](repeating: 0, count: 3_000_000), to: folder.file("zeros"))
    #expect(
      try Digest.sha256(ofFile: folder.file("zeros"))
        == "35bce4eae54ec8e6cc2868baa8d157914d6ae2858811b4cc0c078c94460fa26f")
  }
}

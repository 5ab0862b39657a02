import Documents
import Foundation
import TestSupport
import Testing

@testable import Training

@Suite struct EventFileTests {
  private func golden(_ text: String) throws -> [UInt8] {
    Array(try #require(Data(base64Encoded: text, options: .ignoreUnknownCharacters)))
  }

  @Test func `The checksum is Castagnoli's`() {
    #expect(CRC32C.checksum("123456789".utf8) == 0xE306_9283)
    // RFC 3720, appendix B.4.
    #expect(CRC32C.checksum([UInt8](repeating: 0, count: 32)) == 0x8A91_36AA)
    #expect(CRC32C.checksum([UInt8](repeating: 0xFF, count: 32)) == 0x62A8_AB43)
    #expect(CRC32C.checksum((0..<32).map { UInt8($0) }) == 0x46DD_794E)
  }

  @Test func `Records have the bytes that the tensorboard package writes`() throws {
    for (events, text) in [
      (EventGoldens.trainingEvents, EventGoldens.training),
      (EventGoldens.edgesEvents, EventGoldens.edges),
    ] {
      #expect(events.flatMap(\.record) == (try golden(text)))
    }
  }

  @Test func `A file has the bytes that the tensorboard package writes`() throws {
    try withTemporaryFolder { folder in
      let events = EventGoldens.trainingEvents
      let file = try EventFile(
        in: folder + "/a/b", name: "run.tfevents", wallTime: events[0].wallTime,
        firstStep: events[1].step)
      for event in events.dropFirst(2) {
        guard case .scalars(let scalars) = event.content else {
          Issue.record("\(event.content) where scalars stand")
          return
        }
        try file.append(scalars, step: event.step, wallTime: event.wallTime)
      }
      #expect(file.path == folder + "/a/b/run.tfevents")
      let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: file.path)))
      #expect(bytes == (try golden(EventGoldens.training)))
    }
  }

  @Test func `A tail cut at any byte loses the record it cuts, and none before`() throws {
    let bytes = try golden(EventGoldens.training)
    let whole = EventReader.entries(bytes)
    #expect(whole.count == 5)
    var ends = [0]
    for event in EventGoldens.trainingEvents { ends.append(ends.last! + event.record.count) }
    for length in 0...bytes.count {
      let complete = ends.lastIndex { $0 <= length }!
      #expect(EventReader.entries(Array(bytes[..<length])) == Array(whole[..<complete]))
    }
  }

  @Test func `Names say tfevents, and sort as the processes began`() {
    #expect(
      EventFile.name(seconds: 1_700_000_000, host: "node/7", process: 42)
        == "events.out.tfevents.1700000000.node-7.42")
    #expect(
      EventFile.name(seconds: 999, host: "z", process: 9)
        < EventFile.name(seconds: 1000, host: "a", process: 1))
  }

  @Test func `A file of the same name is never overwritten`() throws {
    try withTemporaryFolder { folder in
      var paths: [String] = []
      for step in 1...3 {
        let file = try EventFile(in: folder, name: "x.tfevents", wallTime: 1, firstStep: step)
        try file.append([("loss", Double(step))], step: step, wallTime: 1)
        paths.append(file.path)
      }
      #expect(paths == ["", ".1", ".2"].map { folder + "/x.tfevents" + $0 })
      for (index, path) in paths.enumerated() {
        #expect(
          try EventReader.entries(ofFile: path).last?.scalars == ["loss": Float(index + 1)])
      }
    }
  }

  #if os(Linux)
    @Test func `A full disk is an error that names the file`() throws {
      let file = EventFile("run.tfevents", descriptor: open("/dev/full", O_WRONLY | O_CLOEXEC))
      let failure = #expect(throws: DocumentFile.Failure.self) {
        try file.append([("loss", 1)], step: 1, wallTime: 1)
      }
      #expect(failure?.description == "run.tfevents: cannot write it: No space left on device")
      #expect(failure?.exitCode == .inputOutput)
    }
  #endif
}

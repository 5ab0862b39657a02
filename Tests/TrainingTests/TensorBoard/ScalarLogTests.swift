import Documents
import Foundation
import TestSupport
import Testing

@testable import Training

@Suite struct ScalarLogTests {
  private func log(_ folder: String, time: Double = 1_700_000_000.5) -> ScalarLog {
    ScalarLog(folder: folder, host: "node", process: 7, wallClock: { time })
  }

  @Test func `Every stage has a folder of its own, and says when and at which step it began`()
    throws
  {
    try withTemporaryFolder { folder in
      let log = log(folder + "/tensorboard")
      for stage in ["transfer", "transfer/block-0001"] {
        for step in 3...4 {
          log.append([("loss", Double(step))], stage: stage, step: step) { Issue.record("\($0)") }
        }
        let entries = try EventReader.entries(
          ofFile: "\(folder)/tensorboard/\(stage)/events.out.tfevents.1700000000.node.7")
        #expect(entries.map(\.version) == ["brain.Event:2", nil, nil, nil])
        #expect(entries.map(\.isSessionStart) == [false, true, false, false])
        #expect(entries.map(\.step) == [0, 3, 3, 4])
        #expect(entries.map(\.scalars) == [[:], [:], ["loss": 3], ["loss": 4]])
        #expect(entries.allSatisfy { $0.wallTime == 1_700_000_000.5 })
      }
    }
  }

  @Test func `A resumed run shows what an uninterrupted one shows`() throws {
    try withTemporaryFolder { folder in
      // Killed after step 5 in the middle of a record, with a checkpoint at step 3.
      let parts: [(steps: ClosedRange<Int>, time: Double, loss: Double)] = [
        (1...5, 100, 1), (4...8, 200, 2),
      ]
      for part in parts {
        let log = log(folder, time: part.time)
        for step in part.steps {
          log.append([("loss", part.loss * Double(step))], stage: "s", step: step) {
            Issue.record("\($0)")
          }
        }
      }
      let first = "\(folder)/s/events.out.tfevents.0000000100.node.7"
      let size = try #require(
        FileManager.default.attributesOfItem(atPath: first)[.size] as? Int)
      #expect(truncate(first, off_t(size - 3)) == 0)
      #expect(try EventReader.entries(ofFile: first).last?.step == 4)
      #expect(
        try EventReader.values("loss", inFolder: folder + "/s")
          == [1: 1, 2: 2, 3: 3, 4: 8, 5: 10, 6: 12, 7: 14, 8: 16])
    }
  }

  @Test func `A folder that cannot be made is told of once, in all stages, and tried again`()
    throws
  {
    try withTemporaryFolder { folder in
      let path = folder + "/tensorboard"
      try DocumentFile(path).replace(with: "a file, not a folder")
      let log = log(path)
      var warnings: [String] = []
      for (stage, step) in [("a", 1), ("a", 2), ("b", 1)] {
        log.append([("loss", 1)], stage: stage, step: step) { warnings.append($0) }
      }
      #expect(
        warnings == [
          "warning: \(path)/a: cannot create the folder: Not a directory; training goes on, "
            + "TensorBoard will lack what is not written"
        ])
      try FileManager.default.removeItem(atPath: path)
      log.append([("loss", 5)], stage: "b", step: 2) { warnings.append($0) }
      #expect(warnings.count == 1)
      #expect(try EventReader.values("loss", inFolder: path + "/b") == [2: 5])
    }
  }

  @Test func `A folder removed while a stage runs costs its records alone`() throws {
    try withTemporaryFolder { folder in
      let log = log(folder + "/tensorboard")
      log.append([("loss", 1)], stage: "a", step: 1) { Issue.record("\($0)") }
      try FileManager.default.removeItem(atPath: folder + "/tensorboard")
      log.append([("loss", 2)], stage: "a", step: 2) { Issue.record("\($0)") }
      log.append([("loss", 3)], stage: "b", step: 1) { Issue.record("\($0)") }
      #expect(
        try EventReader.values("loss", inFolder: folder + "/tensorboard/b") == [1: 3])
    }
  }
}

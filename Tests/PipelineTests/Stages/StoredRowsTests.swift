import Checkpoints
import TensorCore
import TestSupport
import Testing

@testable import Pipeline

/// Two datasets of six sequences of four rows, three numbers each.
struct StoredRowsTests {
  private static let length = 4
  private static let width = 3
  private static let sequences = 6

  private static func number(_ dataset: Int, _ index: Int) -> Float {
    Float(1000 * dataset + index)
  }

  private func withRows(_ body: (StoredRows) throws -> Void) throws {
    try withTemporaryFolder { folder in
      let (path, rows) = ("\(folder)/rows.h5", Self.sequences * Self.length)
      let file = try HDF5File.create(path)
      for dataset in 0..<2 {
        let stored = try file.createDataset(
          "input/\(dataset)", shape: [rows, Self.width], type: .float32)
        let numbers = (0..<rows * Self.width).map { Self.number(dataset, $0) }
        try stored.writeRows(start: 0, Tensor(numbers, [rows, Self.width]))
      }
      try file.close()
      let opened = try HDF5File.open(path)
      try body(
        StoredRows(
          try (0..<2).map { try opened.dataset("input/\($0)") }, length: Self.length))
    }
  }

  private func expected(_ part: StoredRows.Part) -> [Float] {
    let size = Self.length * Self.width
    return part.slots.flatMap { slot in
      (slot * size..<(slot + 1) * size).map { Self.number(part.dataset, $0) }
    }
  }

  @Test func `What was read ahead, and what was not, is what the file holds`() throws {
    try withRows { (rows) throws in
      let first = StoredRows.Part(dataset: 0, slots: [4, 1])
      let second = StoredRows.Part(dataset: 1, slots: [5, 5, 0])
      #expect(try rows.take(first).elements == expected(first))
      rows.readAhead(second)
      #expect(try rows.take(second).elements == expected(second))
      // Another part is wanted in between: what was read ahead waits.
      rows.readAhead(first)
      #expect(try rows.take(second).elements == expected(second))
      #expect(try rows.take(first).elements == expected(first))
      // The later of two is kept.
      rows.readAhead(second)
      rows.readAhead(first)
      #expect(try rows.take(first).elements == expected(first))
      #expect(try rows.take(second).elements == expected(second))
    }
  }

  @Test func `Many parts read ahead beside other work on tensors stay what they are`() throws {
    try withRows { (rows) throws in
      let parts = (0..<200).map { StoredRows.Part(dataset: $0 % 2, slots: [$0 % 6, $0 * 5 % 6]) }
      for (part, next) in zip(parts, parts.dropFirst()) {
        let taken = try rows.take(part)
        rows.readAhead(next)
        let other = Tensor(zeros: [8, 3])
        #expect(taken.elements == expected(part) && other.elements.allSatisfy { $0 == 0 })
      }
    }
  }
}

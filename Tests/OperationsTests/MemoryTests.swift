import TensorCore
import Testing

@testable import Operations

@Suite struct MemoryTests {
  private func rows(_ range: Range<Int>) -> Tensor {
    Tensor(range.flatMap { [Float($0), Float(-$0)] }, [range.count, 2])
  }

  @Test func `Rows are appended and dropped in order, in a buffer that grows`() {
    var kept = KeptRows(width: 2)
    for start in stride(from: 0, to: 30, by: 3) { kept.append(rows(start..<start + 3)) }
    kept.dropFirst(4)
    #expect(kept.count == 26)
    #expect(kept.rows.elements == rows(4..<30).elements)
    #expect(kept.bytes == 26 * 2 * 4)
    kept.append(rows(30..<31))
    #expect(kept.rows.elements == rows(4..<31).elements)
  }

  @Test func `A fixed buffer has one size, and a copy of its own storage`() {
    var kept = KeptRows(width: 2, capacity: 8)
    #expect(kept.bytes == 64)
    kept.append(rows(0..<5))
    var copy = kept.copied()
    copy.append(rows(7..<10))
    kept.append(rows(5..<6))
    #expect(kept.rows.elements == rows(0..<6).elements)
    #expect(copy.rows.elements == rows(0..<5).elements + rows(7..<10).elements)
    #expect(copy.bytes == 64)
  }

  @Test func `Names stand in the order in which they were added, rows behind tensors`() {
    var memory = Memory()
    memory.add("rows", KeptRows(width: 2))
    memory.add("b", Tensor(zeros: [2, 3]))
    memory.add("a", Tensor(zeros: [4]))
    memory[rows: "rows"].append(rows(0..<3))
    #expect(memory.names == ["b", "a", "rows"])
    #expect(memory.tensors.map(\.tensor.shape) == [[2, 3], [4], [3, 2]])
    #expect(memory.bytes == (6 + 4 + 6) * 4)
  }

  @Test func `What is taken out is held by nobody else and is not copied when it is changed`() {
    var memory = Memory()
    memory.add("x", Tensor([1, 2], [2]))
    let before = memory["x"].withPointer { Int(bitPattern: $0) }
    var x = memory.take("x")
    x.withMutablePointer { $0[1] = 5 }
    memory["x"] = x
    memory["x"].withMutablePointer { $0[0] = 4 }
    // Of `x` here a reference is left; the second change had to copy.
    #expect(x.elements == [1, 5] && memory["x"].elements == [4, 5])
    #expect(x.withPointer { Int(bitPattern: $0) } == before)
    let after = memory["x"].withPointer { Int(bitPattern: $0) }
    memory["x"].withMutablePointer { $0[0] = 6 }
    #expect(memory["x"].withPointer { Int(bitPattern: $0) } == after)
  }

  @Test func `A memory that was written by another student is refused`() {
    var memory = Memory()
    memory.add("x", Tensor(zeros: [2]))
    memory.add("rows", KeptRows(width: 2, capacity: 4))
    let error = #expect(throws: MemoryError.self) {
      try memory.restore(position: 3, [("y", Tensor(zeros: [2]))])
    }
    #expect(
      error?.description
        == "a memory of y, expected x, rows; it was written by another student or version of the program"
    )
    for tensors in [
      [("x", Tensor(zeros: [3])), ("rows", rows(0..<2))],
      [("x", Tensor(zeros: [2])), ("rows", rows(0..<5))],
      [("x", Tensor(zeros: [2])), ("rows", Tensor(zeros: [2, 3]))],
    ] {
      #expect(throws: MemoryError.self) {
        try memory.restore(position: 3, tensors.map { (name: $0.0, tensor: $0.1) })
      }
    }
    #expect(memory.position == 0)
  }
}

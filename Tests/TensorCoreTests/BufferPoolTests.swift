import Testing

@testable import TensorCore

@Suite struct BufferPoolTests {
  @Test func `A buffer that was given back is taken again by a request of a nearby size`() {
    let pool = BufferPool()
    let first = pool.take(1000)
    pool.give(first, 1000)
    // 897...1024 floats round to the same size: a quarter of 512 more than 896.
    let second = pool.take(900)
    #expect(second == first)
    pool.give(second, 900)
    pool.drain()
  }

  @Test func `A buffer in use is not taken twice`() {
    let pool = BufferPool()
    let first = pool.take(100)
    let second = pool.take(100)
    #expect(first != second)
    pool.give(first, 100)
    pool.give(second, 100)
    let taken = Set([pool.take(100), pool.take(100)])
    #expect(taken == [first, second])
    for pointer in taken { pool.give(pointer, 100) }
    pool.drain()
  }

  @Test func `A smaller buffer never serves a larger request`() {
    let pool = BufferPool()
    for count in [64, 65, 128, 129, 320, 1024, 1025, 5000] {
      let small = pool.take(count)
      pool.give(small, count)
      let large = pool.take(count * 2)
      #expect(large != small, "\(count * 2) floats in a buffer for \(count)")
      pool.give(large, count * 2)
      pool.drain()
    }
  }

  @Test func `Buffers in use are aligned to 64 bytes and do not overlap`() {
    let pool = BufferPool()
    let counts = Array(0..<70) + [127, 128, 129, 255, 257, 511, 513, 1023, 1025, 4097, 65537]
    for round in 0..<2 {
      let buffers = counts.map { pool.take($0) }
      for (index, (buffer, count)) in zip(buffers, counts).enumerated() {
        #expect(UInt(bitPattern: buffer) % 64 == 0)
        buffer.update(repeating: Float(round * 1000 + index), count: count)
      }
      for (index, (buffer, count)) in zip(buffers, counts).enumerated() {
        let elements = UnsafeBufferPointer(start: buffer, count: count)
        #expect(elements.allSatisfy { $0 == Float(round * 1000 + index) })
      }
      for (buffer, count) in zip(buffers, counts) { pool.give(buffer, count) }
    }
    pool.drain()
  }

  @Test func `Threads that take and give at once never hold the same buffer`() {
    let pool = BufferPool()
    let workers = WorkerPool(workers: 4)
    var isIntact = [Bool](repeating: false, count: 400)
    isIntact.withUnsafeMutableBufferPointer { isIntact in
      let isIntact = isIntact
      workers.parallel(400) { task in
        let count = 64 + task % 3 * 64
        let buffer = pool.take(count)
        buffer.update(repeating: Float(task), count: count)
        let inner = pool.take(count)
        inner.update(repeating: -1, count: count)
        isIntact[task] = (0..<count).allSatisfy { buffer[$0] == Float(task) }
        pool.give(inner, count)
        pool.give(buffer, count)
      }
    }
    #expect(isIntact.allSatisfy { $0 })
    pool.drain()
  }
}

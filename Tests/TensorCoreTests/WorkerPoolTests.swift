import Dispatch
import Foundation
import Synchronization
import TensorCore
import Testing

/// How often each index was called. Counted without a lock, as tasks write their results: two
/// threads at one index are a race that ThreadSanitizer would report.
///
/// `@unchecked Sendable`: a task writes only the count of its own index.
private final class Calls: @unchecked Sendable {
  private let counts: UnsafeMutableBufferPointer<Int>

  init(_ count: Int) {
    counts = .allocate(capacity: count)
    counts.initialize(repeating: 0)
  }

  deinit { counts.deallocate() }

  func note(_ index: Int) { counts[index] += 1 }
  var all: [Int] { Array(counts) }
}

@Suite(.timeLimit(.minutes(1))) struct WorkerPoolTests {
  @Test func `Every index is called exactly once, whatever the numbers of tasks and workers`() {
    for workers in 1...5 {
      let pool = WorkerPool(workers: workers)
      #expect(pool.workers == workers)
      for count in [0, 1, 2, 3, 4, 5, 7, 64, 1000, 4096] {
        let calls = Calls(count)
        pool.parallel(count) { calls.note($0) }
        #expect(calls.all == [Int](repeating: 1, count: count), "\(workers) workers")
      }
    }
  }

  @Test func `Sections that follow each other at once, or after a sleep, do not mix`() {
    let pool = WorkerPool(workers: 3)
    var results = [Int](repeating: -1, count: 7)
    for section in 0..<3000 {
      results.withUnsafeMutableBufferPointer { results in
        let results = results
        pool.parallel(7) { results[$0] = section * 7 + $0 }
      }
      if results != (0..<7).map({ section * 7 + $0 }) {
        Issue.record("section \(section): \(results)")
        return
      }
      // Long enough for the workers to stop spinning and fall asleep.
      if section % 1000 == 999 { usleep(20_000) }
    }
  }

  @Test func `As many tasks as workers run at one time`() {
    let pool = WorkerPool(workers: 3)
    for _ in 0..<3 {
      let arrived = Atomic(0)
      // Returns only when all three are inside; a pool with fewer threads would never finish.
      pool.parallel(3) { _ in
        arrived.wrappingAdd(1, ordering: .relaxed)
        while arrived.load(ordering: .relaxed) < 3 { sched_yield() }
      }
      #expect(arrived.load(ordering: .relaxed) == 3)
      usleep(20_000)
    }
  }

  @Test func `A section inside a task calls every index once, on the thread of the task`() {
    let pool = WorkerPool(workers: 3)
    let calls = Calls(12 * 30)
    let strayed = Atomic(0)
    pool.parallel(12) { outer in
      let thread = pthread_self()
      pool.parallel(30) { inner in
        calls.note(outer * 30 + inner)
        if pthread_equal(thread, pthread_self()) == 0 {
          strayed.wrappingAdd(1, ordering: .relaxed)
        }
      }
    }
    #expect(calls.all == [Int](repeating: 1, count: 12 * 30))
    #expect(strayed.load(ordering: .relaxed) == 0)
    let again = Calls(100)
    pool.parallel(100) { again.note($0) }
    #expect(again.all == [Int](repeating: 1, count: 100))
  }

  @Test func `Threads that use one pool at the same time each get all of their indices`() {
    let pool = WorkerPool(workers: 3)
    let wrong = Atomic(0)
    DispatchQueue.concurrentPerform(iterations: 6) { owner in
      for section in 0..<300 {
        let count = 1 + (owner * 7 + section) % 20
        let calls = Calls(count)
        pool.parallel(count) { calls.note($0) }
        if calls.all != [Int](repeating: 1, count: count) {
          wrong.wrappingAdd(1, ordering: .relaxed)
        }
      }
    }
    #expect(wrong.load(ordering: .relaxed) == 0)
  }

  @Test func `What tasks wrote is visible when the section returns`() {
    let pool = WorkerPool(workers: 4)
    var values = [Int](repeating: 0, count: 20_000)
    for round in 1...20 {
      values.withUnsafeMutableBufferPointer { values in
        let values = values
        pool.parallel(values.count) { values[$0] += round }
      }
    }
    #expect(values.allSatisfy { $0 == 210 })
  }

  @Test
  func `Ranges follow one another, cover the whole, and are at least the minimum where possible`() {
    for workers in [1, 2, 5] {
      let pool = WorkerPool(workers: workers)
      for (count, minimum) in [(0, 1), (1, 1), (4, 1), (5, 1), (7, 3), (100, 32), (1001, 8)] {
        let found = Mutex<[Range<Int>]>([])
        pool.parallelRanges(count, minimum: minimum) { range in
          found.withLock { $0.append(range) }
        }
        let ranges = found.withLock { $0 }.sorted { $0.lowerBound < $1.lowerBound }
        #expect(ranges.flatMap { $0 } == Array(0..<count), "\(workers) workers, \(count)")
        #expect(ranges.count == min(workers, max(count / minimum, min(count, 1))))
        let sizes = ranges.map(\.count)
        #expect((sizes.max() ?? 0) - (sizes.min() ?? 0) <= 1, "ranges must be even")
        if count >= minimum { #expect(ranges.allSatisfy { $0.count >= minimum }) }
      }
    }
  }

  @Test func `The shared pool has as many workers as the process may use`() throws {
    // The kernel's own words: a mask in hexadecimal, in groups parted by commas.
    let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
    let line = try #require(
      status.split(separator: "\n").first { $0.hasPrefix("Cpus_allowed:") })
    let cpus = line.dropFirst("Cpus_allowed:".count).reduce(0) {
      $0 + ($1.hexDigitValue ?? 0).nonzeroBitCount
    }
    let requested = ProcessInfo.processInfo.environment["LINEARIZE_THREADS"].flatMap { Int($0) }
    #expect(WorkerPool.shared.workers == max(1, requested ?? cpus))
  }
}

@Suite struct ParallelMapTests {
  @Test func `Results stand in the order of their indices`() {
    for workers in [1, 3] {
      let pool = WorkerPool(workers: workers)
      #expect(pool.parallelMap(100) { [$0, $0 * $0] } == (0..<100).map { [$0, $0 * $0] })
      #expect(pool.parallelMap(0) { $0 } == [])
    }
  }
}

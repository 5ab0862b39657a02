import CVectorKernels
import Synchronization

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A fixed set of threads over which rows, heads or sequences are split.
///
/// Between two parallel sections of a training step pass microseconds, so a waiting worker spins
/// before it sleeps: waking a sleeping thread costs about 20 us, a spinning one about 1 us.
///
/// `@unchecked Sendable`: `body` is written only by the thread that owns the pool (`isBusy`),
/// before `generation` is released, and read only after `generation` is acquired.
public final class WorkerPool: @unchecked Sendable {
  /// As many workers as CPUs this process may run on, or `LINEARIZE_THREADS` of them.
  public static let shared = WorkerPool(
    workers: requested.flatMap { mistakeInEnvironment == nil ? Int($0) : nil }
      ?? max(1, Int(vk_available_cpus())))

  /// What is wrong with `LINEARIZE_THREADS`, in a sentence; nil when it is not set or right.
  ///
  /// Workers wait by spinning, so that many more than there are CPUs never come to an end.
  public static let mistakeInEnvironment: String? = {
    let most = max(64, Int(vk_available_cpus()))
    guard let requested, !(Int(requested).map { (1...most).contains($0) } ?? false) else {
      return nil
    }
    return "LINEARIZE_THREADS is \"\(requested)\", expected a whole number from 1 to \(most)"
  }()

  private static var requested: String? { getenv("LINEARIZE_THREADS").map { String(cString: $0) } }

  /// Threads that take part, the caller's included.
  public let workers: Int

  private let isBusy = Atomic(false)
  private let generation = Atomic(0)
  private let nextIndex = Atomic(0)
  private let running = Atomic(0)
  private let sleepers = Atomic(0)
  private var body: (Int) -> Void = { _ in }
  private var count = 0
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

  /// - Parameter workers: at least 1. The threads live as long as the process.
  public init(workers: Int) {
    self.workers = workers
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(condition, nil)
    for _ in 1..<max(1, workers) { startThread() }
  }

  /// Calls `body` with every index below `count`, in no particular order, and waits for all.
  /// Results must not depend on the order: a task writes only what belongs to its index.
  /// Called from inside a task, or while another thread uses the pool, it runs serially.
  public func parallel(_ count: Int, _ body: (Int) -> Void) {
    guard count > 1, workers > 1,
      isBusy.compareExchange(expected: false, desired: true, ordering: .acquiring).exchanged
    else {
      for index in 0..<count { body(index) }
      return
    }
    withoutActuallyEscaping(body) { body in
      self.body = body
      self.count = count
      nextIndex.store(0, ordering: .relaxed)
      running.store(workers - 1, ordering: .relaxed)
      generation.wrappingAdd(1, ordering: .sequentiallyConsistent)
      if sleepers.load(ordering: .sequentiallyConsistent) > 0 {
        pthread_mutex_lock(mutex)
        pthread_cond_broadcast(condition)
        pthread_mutex_unlock(mutex)
      }
      takeTasks()
      var spins = 0
      while running.load(ordering: .acquiring) > 0 {
        spins += 1
        if spins > 4096 { sched_yield() }
      }
      self.body = { _ in }
    }
    isBusy.store(false, ordering: .releasing)
  }

  private func takeTasks() {
    while true {
      let index = nextIndex.wrappingAdd(1, ordering: .relaxed).oldValue
      if index >= count { return }
      body(index)
    }
  }

  private func startThread() {
    var thread = pthread_t()
    let box = Unmanaged.passRetained(self)
    let status = pthread_create(
      &thread, nil,
      { argument in
        Unmanaged<WorkerPool>.fromOpaque(argument!).takeUnretainedValue().work()
        return nil
      }, box.toOpaque())
    precondition(status == 0, "no thread could be started: error \(status)")
    pthread_detach(thread)
  }

  private func work() {
    var seen = 0
    while true {
      var spins = 0
      while generation.load(ordering: .acquiring) == seen {
        spins += 1
        if spins > 50_000 {
          sleep(after: seen)
          spins = 0
        }
      }
      seen += 1
      takeTasks()
      running.wrappingSubtract(1, ordering: .releasing)
    }
  }

  private func sleep(after seen: Int) {
    pthread_mutex_lock(mutex)
    sleepers.wrappingAdd(1, ordering: .sequentiallyConsistent)
    while generation.load(ordering: .sequentiallyConsistent) == seen {
      pthread_cond_wait(condition, mutex)
    }
    sleepers.wrappingSubtract(1, ordering: .sequentiallyConsistent)
    pthread_mutex_unlock(mutex)
  }
}

extension WorkerPool {
  /// What `body` gives for every index below `count`, in the order of the indices.
  public func parallelMap<Result>(_ count: Int, _ body: (Int) -> Result) -> [Result] {
    [Result](unsafeUninitializedCapacity: count) { results, initialized in
      let results = results
      parallel(count) { results.initializeElement(at: $0, to: body($0)) }
      initialized = count
    }
  }

  /// Splits `0..<count` into one contiguous range a worker (fewer when ranges would fall below
  /// `minimum`) and runs them in parallel.
  public func parallelRanges(_ count: Int, minimum: Int = 1, _ body: (Range<Int>) -> Void) {
    let parts = max(1, min(workers, count / max(1, minimum)))
    parallel(parts) { part in
      let range = count * part / parts..<count * (part + 1) / parts
      if !range.isEmpty { body(range) }
    }
  }
}

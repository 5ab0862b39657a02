import Documents
import Foundation
import Synchronization

/// Files of unknown origin are read in another process first.
///
/// libhdf5 1.10 reads and writes beyond its buffers on crafted metadata of a few bytes, and goes
/// round in circles. What it does to another process, which has a limit on its memory and its time,
/// is a message here.
public enum HDF5Trial {
  /// What this program is started with to read a file to its end and leave: this and the path.
  public static let argument = "--read-hdf5-to-its-end"

  /// A file as it was when it was read to its end.
  private struct Reading: Hashable {
    let device: dev_t
    let number: ino_t
    let size: Int
    let changed: [Int]

    init?(_ path: String) {
      var status = stat()
      guard stat(path, &status) == 0 else { return nil }
      (device, number, size) = (status.st_dev, status.st_ino, Int(status.st_size))
      changed = [status.st_mtim, status.st_ctim].flatMap { [$0.tv_sec, $0.tv_nsec] }
    }
  }

  private static let program = Mutex<String?>(nil)
  private static let passed = Mutex<Set<Reading>>([])

  /// Memory beside what the process has and four times the file.
  private static let memory = 512 << 20
  /// Bytes a second of processor time, and the seconds that every file has.
  private static let (pace, grace) = (10 << 20, 5)

  /// From now on files are tried.
  ///
  /// - Parameter program: this program, which calls `run` when it is started with `argument`.
  public static func enable(program path: String) { program.withLock { $0 = path } }

  // MARK: In the process that asks

  /// - Throws: `HDF5Error` (65) when the library does not survive the file.
  static func require(_ path: String) throws {
    guard let program = program.withLock({ $0 }), let reading = Reading(path),
      !passed.withLock({ $0.contains(reading) })
    else { return }
    if let problem = try outcome(program, path) {
      throw HDF5Error(
        file: path, operation: "open it as HDF5",
        detail: "the HDF5 library \(problem); the file is damaged, or made to do harm",
        exitCode: .badData)
    }
    passed.withLock { _ = $0.insert(reading) }
  }

  /// What became of the process that read the file; nil when it came to the end.
  private static func outcome(_ program: String, _ path: String) throws -> String? {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    for descriptor in STDIN_FILENO...STDERR_FILENO {
      posix_spawn_file_actions_addopen(&actions, descriptor, "/dev/null", O_RDWR, 0)
    }
    let words: [String] = [program, argument, path]
    let arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
    defer {
      for argument in arguments { free(argument) }
    }
    var process = pid_t()
    let number = posix_spawn(&process, program, &actions, nil, arguments, environ)
    if number != 0 {
      throw HDF5Error(
        file: path, operation: "read it in a process of its own",
        detail: String(cString: strerror(number)), exitCode: .inputOutput)
    }
    var status: Int32 = 0
    while waitpid(process, &status, 0) < 0 {
      if errno != EINTR { return "could not be watched (\(String(cString: strerror(errno))))" }
    }
    switch status & 0x7f {
    case 0: return nil
    case SIGXCPU, SIGKILL: return "does not come to an end with it"
    case let signal: return "crashes on it or needs too much memory (signal \(signal))"
    }
  }

  // MARK: In the process that tries

  /// Reads a file as every command might, and ends the process. What the library refuses is as good
  /// as what it reads: whoever asked finds it out and says it.
  public static func run(_ path: String) -> Never {
    // Ctrl-C and Slurm's signals reach every process of a job: what they mean is the asking one's to
    // say, which would else take them for the file's doing.
    for number in [SIGINT, SIGTERM, SIGHUP, SIGUSR1] { signal(number, SIG_IGN) }
    // Of the library's own it is a crash like any other.
    signal(SIGBUS, SIG_DFL)
    // Whoever started the asking process may have blocked the signals of the limits.
    var none = sigset_t()
    sigemptyset(&none)
    pthread_sigmask(SIG_SETMASK, &none, nil)
    let size = Reading(path)?.size ?? 0
    limit(RLIMIT_AS, to: used() + memory + 4 * size)
    limit(RLIMIT_CPU, to: grace + size / pace)
    limit(RLIMIT_CORE, to: 0)
    do {
      let file = try HDF5File.open(path, isTrusted: true)
      readAttributes(file.attributes)
      for name in try file.names {
        whatItMay {
          let dataset = try file.dataset(name)
          readAttributes(dataset.attributes)
          try read(dataset)
        }
      }
    } catch {
      _exit(0)
    }
    // Without closing: that is not part of reading.
    _exit(0)
  }

  private static func readAttributes(_ attributes: HDF5Attributes) {
    whatItMay {
      for name in try attributes.names { whatItMay { _ = try attributes.value(name) } }
    }
  }

  /// What the library refuses here does not keep it from what comes after.
  private static func whatItMay(_ body: () throws -> Void) {
    do {
      try body()
    } catch {
      return
    }
  }

  private static func read(_ dataset: HDF5Dataset) throws {
    let rowBytes = dataset.rowLength * dataset.type.bytes
    guard rowBytes > 0, dataset.rows > 0 else { return }
    let step = max(1, (1 << 24) / rowBytes)
    let buffer = UnsafeMutableRawPointer.allocate(
      byteCount: min(step, dataset.rows) * rowBytes, alignment: 64)
    defer { buffer.deallocate() }
    for row in stride(from: 0, to: dataset.rows, by: step) {
      try dataset.read(start: row, count: min(step, dataset.rows - row), into: buffer)
    }
  }

  private static func limit(_ resource: __rlimit_resource, to amount: Int) {
    let kind = __rlimit_resource_t(resource.rawValue)
    var present = rlimit()
    getrlimit(kind, &present)
    present.rlim_cur = min(present.rlim_max, UInt(amount))
    present.rlim_max = present.rlim_cur
    setrlimit(kind, &present)
  }

  /// Bytes of address space that the process has now.
  private static func used() -> Int {
    let text = FileManager.default.contents(atPath: "/proc/self/statm") ?? Data()
    let pages = String(decoding: text, as: UTF8.self).split(separator: " ").first.flatMap {
      Int($0)
    }
    return (pages ?? 0) * Int(sysconf(Int32(_SC_PAGESIZE)))
  }
}

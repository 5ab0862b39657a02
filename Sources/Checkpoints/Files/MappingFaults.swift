import Foundation
import Synchronization

/// What happens when mapped bytes cannot be had: somebody has cut the file short, or its disk fails. The
/// system sends SIGBUS to whoever reads them, and there is no going on.
public enum MappingFaults {
  /// A mapping that the handler can find without a lock.
  private struct Entry {
    var start = UInt(0)
    var end = UInt(0)
    var path: UnsafeMutablePointer<CChar>?
  }

  /// More files than a model has. Of one that does not fit the name is not said.
  private static let capacity = 1024
  nonisolated(unsafe) private static let entries = {
    let entries = UnsafeMutablePointer<Entry>.allocate(capacity: capacity)
    entries.initialize(repeating: Entry(), count: capacity)
    return entries
  }()
  private static let lock = Mutex(())

  static func add(_ bytes: UnsafeRawBufferPointer, _ path: String) {
    lock.withLock { _ in
      guard let slot = (0..<capacity).first(where: { entries[$0].start == 0 }) else { return }
      entries[slot].path = strdup(path)
      entries[slot].end = UInt(bitPattern: bytes.baseAddress) + UInt(bytes.count)
      entries[slot].start = UInt(bitPattern: bytes.baseAddress)
    }
  }

  static func remove(_ bytes: UnsafeRawBufferPointer) {
    let start = UInt(bitPattern: bytes.baseAddress)
    lock.withLock { _ in
      guard let slot = (0..<capacity).first(where: { entries[$0].start == start }) else { return }
      entries[slot].start = 0
      free(entries[slot].path)
      entries[slot].path = nil
    }
  }

  /// From now on such a fault ends the process with 74 and one line that names the file.
  public static func report() {
    // The first access initialises the global, which a handler must not do.
    _ = entries
    var action = sigaction()
    action.__sigaction_handler.sa_sigaction = { _, information, _ in
      let address = UInt(bitPattern: information?.pointee._sifields._sigfault.si_addr)
      var slot = 0
      while slot < MappingFaults.capacity {
        let entry = MappingFaults.entries[slot]
        if entry.start != 0, address >= entry.start, address < entry.end { break }
        slot += 1
      }
      MappingFaults.write("error: ")
      if slot < MappingFaults.capacity, let path = MappingFaults.entries[slot].path {
        _ = Foundation.write(STDERR_FILENO, path, strlen(path))
      } else {
        MappingFaults.write("a file of text or weights")
      }
      MappingFaults.write(
        ": cannot read it any more: it was cut short while it was in use, or its disk fails (SIGBUS); "
      )
      MappingFaults.write("what was saved before stays valid\n")
      _exit(74)
    }
    sigemptyset(&action.sa_mask)
    action.sa_flags = SA_SIGINFO
    sigaction(SIGBUS, &action, nil)
  }

  /// What a signal handler may call.
  private static func write(_ text: StaticString) {
    _ = Foundation.write(STDERR_FILENO, text.utf8Start, text.utf8CodeUnitCount)
  }
}

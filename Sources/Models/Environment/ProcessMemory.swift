import Foundation

/// Resident memory of this process.
public enum ProcessMemory {
  /// Largest so far, in bytes.
  public static var peakBytes: Int {
    var usage = rusage()
    #if os(macOS)
      guard getrusage(RUSAGE_SELF, &usage) == 0 else { return 0 }
      return usage.ru_maxrss
    #else
      guard getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage) == 0 else { return 0 }
      return usage.ru_maxrss * 1024
    #endif
  }
}

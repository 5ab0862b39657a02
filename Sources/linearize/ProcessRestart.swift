import Foundation
import Models
import Pipeline

/// Starts this program over in the same process.
enum ProcessRestart {
  /// OpenBLAS chooses its kernels before any code of ours runs, and listens to one environment
  /// variable. Where it chose kernels of half the speed, the variable is set and the program
  /// starts over; set, it is never changed, so this happens once at most.
  static func withBetterOpenBLASCore() {
    #if os(Linux)
      guard let core = NativeLibraries.betterOpenBLASCore else { return }
      setenv("OPENBLAS_CORETYPE", core, 1)
      var arguments = CommandLine.arguments.map { strdup($0) } + [nil]
      execv("/proc/self/exe", &arguments)
      // Where that is forbidden the program goes on as it is: slower, not wrong.
      for argument in arguments { free(argument) }
    #endif
  }
}

import COpenBLASChoice
import Foundation

extension OpenBLASInformation {
  /// The kernels that this process should use but does not. Every program that this module is
  /// linked into starts itself over before `main` where OpenBLAS chose too slow ones
  /// (OpenBLASChoice.h), so it is nil where that worked, and where `OPENBLAS_CORETYPE` asks for
  /// kernels: whoever set it meant it.
  static var betterCore: String? {
    betterCore(
      than: core, requested: ProcessInfo.processInfo.environment["OPENBLAS_CORETYPE"],
      processorText: FileManager.default.contents(atPath: "/proc/cpuinfo").map {
        String(decoding: $0, as: UTF8.self)
      } ?? "")
  }

  /// - Parameter processorText: of `/proc/cpuinfo`; empty where there is none.
  static func betterCore(than core: String, requested: String?, processorText: String) -> String? {
    openblas_better_core(core, requested, processorText).map { String(cString: $0) }
  }
}

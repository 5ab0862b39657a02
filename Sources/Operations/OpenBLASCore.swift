import Foundation

extension OpenBLASInformation {
  /// The kernels that OpenBLAS should use but does not. A release that does not know a processor
  /// falls back on its kernels for Haswell or Zen, also where AVX-512 is there: half the speed (118
  /// against 225 GFLOP/s a thread on a Zen 5). It reads `OPENBLAS_CORETYPE` once, when the process
  /// starts.
  ///
  /// nil when its own choice is right, and when that variable was set: whoever set it meant it.
  public static var betterCore: String? {
    betterCore(
      than: core, requested: ProcessInfo.processInfo.environment["OPENBLAS_CORETYPE"],
      processorText: FileManager.default.contents(atPath: "/proc/cpuinfo").map {
        String(decoding: $0, as: UTF8.self)
      } ?? "")
  }

  /// - Parameter processorText: of `/proc/cpuinfo`; empty where there is none.
  static func betterCore(than core: String, requested: String?, processorText: String) -> String? {
    guard requested == nil, core == "Haswell" || core == "Zen" else { return nil }
    let line = processorText.split(separator: "\n").first { $0.hasPrefix("flags") } ?? ""
    let flags = Set(line.split(whereSeparator: { " \t:".contains($0) }))
    // What the kernels of Skylake-X are compiled for.
    return flags.isSuperset(of: ["avx512f", "avx512dq", "avx512bw", "avx512vl"])
      ? "SkylakeX" : nil
  }
}

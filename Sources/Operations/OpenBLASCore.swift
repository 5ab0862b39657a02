import Foundation

extension OpenBLASInformation {
  /// The kernels that OpenBLAS should use but does not: release 0.3.21 knows no AMD processor after
  /// Zen 3 and takes its Haswell kernels for them, at half the speed of those for AVX-512 (118
  /// against 225 GFLOP/s a thread on a Zen 5). It reads `OPENBLAS_CORETYPE` once, when the process
  /// starts.
  ///
  /// nil when its own choice is right, or was made by that variable.
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

import COpenBLASChoice
import Foundation

extension OpenBLASInformation {
  /// In words: which kernels OpenBLAS uses in this process, and who chose them.
  public static var choice: String {
    let wrong = openblas_wrong_cores().map { String(cString: $0) }
    let left = wrong.map { "; \($0) computed wrongly here and was left" } ?? ""
    if let own = openblas_replaced_core().map({ String(cString: $0) }), own != ownCore {
      return "\(core), for what this processor has; by itself this OpenBLAS takes \(own)" + left
    }
    if let requested = requestedCore {
      return "\(core), as OPENBLAS_CORETYPE=\(requested) asks" + left
    }
    return "\(core), by OpenBLAS itself" + left
  }

  /// What to do about kernels that are slower than this processor allows, nil where they are not.
  public static var slowKernels: String? {
    let better = betterCore(than: ownCore, requested: nil, processorText: processorText)
    guard let better else { return nil }
    let remedy =
      requestedCore.map { "OPENBLAS_CORETYPE=\($0) asks for them: unset it" }
      ?? "set OPENBLAS_CORETYPE=\(better)"
    return
      "OpenBLAS uses its \(ownCore) kernels, and this processor has what \(better)'s need, which are "
      + "up to five times as fast; \(remedy)"
  }

  /// The kernels that this process should use but does not. Every program that this module is
  /// linked into starts itself over before `main` where OpenBLAS chose too slow ones
  /// (OpenBLASChoice.h), so it is nil where that worked, and where `OPENBLAS_CORETYPE` asks for
  /// kernels: whoever set it meant it.
  static var betterCore: String? {
    betterCore(than: ownCore, requested: requestedCore, processorText: processorText)
  }

  /// - Parameters:
  ///   - wrong: kernels that are not to be taken, between blanks.
  ///   - processorText: of `/proc/cpuinfo`; empty where there is none.
  static func betterCore(
    than core: String, requested: String?, avoiding wrong: String? = nil, processorText: String
  ) -> String? {
    openblas_better_core(core, requested, wrong, processorText).map { String(cString: $0) }
  }

  /// Whether small products of every form are those of plain loops.
  static var productsAreRight: Bool { openblas_products_are_right() != 0 }

  /// Whether whoever started the program asked for kernels.
  static var isRequested: Bool { requestedCore != nil && openblas_replaced_core() == nil }

  private static var requestedCore: String? {
    ProcessInfo.processInfo.environment["OPENBLAS_CORETYPE"].flatMap { $0.isEmpty ? nil : $0 }
  }

  private static var processorText: String {
    FileManager.default.contents(atPath: "/proc/cpuinfo").map {
      String(decoding: $0, as: UTF8.self)
    }
      ?? ""
  }
}

import CHDF5
import Foundation

/// The one door to libhdf5, whose global state only one thread may touch at a time.
enum HDF5Library {
  /// Recursive: a handle that is released inside a call closes itself under the same lock.
  private static let lock = NSRecursiveLock()

  /// Without the library's exit handler: it dereferences files whose last write failed, and turns
  /// a full disk into a crash at exit. Handles close themselves, so it has nothing left to do.
  private static let isPrepared: Bool = {
    H5dont_atexit()
    // Without it, datasets that need it are refused by the library.
    return H5open() >= 0 && HDF5LZF.register()
  }()

  static func locked<Result>(_ body: () throws -> Result) rethrows -> Result {
    lock.lock()
    defer { lock.unlock() }
    _ = isPrepared
    // Error stacks, and whether they are printed, belong to threads.
    H5Eset_auto2(hid_t(H5E_DEFAULT), nil, nil)
    return try body()
  }
}

/// What the linked HDF5 says of itself.
public enum HDF5Information {
  /// Such as `1.10.8`.
  public static var version: String {
    HDF5Library.locked {
      var (major, minor, release): (UInt32, UInt32, UInt32) = (0, 0, 0)
      return H5get_libversion(&major, &minor, &release) >= 0
        ? "\(major).\(minor).\(release)" : "unknown"
    }
  }
}

/// An identifier of the library, released with the object.
///
/// `@unchecked Sendable`: the number never changes but for `release`, which runs under the lock.
final class HDF5Handle: @unchecked Sendable {
  private(set) var identifier: hid_t
  private let closing: (hid_t) -> herr_t

  init(_ identifier: hid_t, closing: @escaping (hid_t) -> herr_t) {
    self.identifier = identifier
    self.closing = closing
  }

  /// - Returns: Whether the library closed it, or it was closed already.
  @discardableResult
  func release() -> Bool {
    HDF5Library.locked {
      guard identifier >= 0 else { return true }
      defer { identifier = -1 }
      return closing(identifier) >= 0
    }
  }

  /// Forgets the identifier: closing its file has invalidated it.
  func abandon() { HDF5Library.locked { identifier = -1 } }

  deinit { release() }
}

import Synchronization

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Float buffers kept for reuse by rounded size. A training step asks for the same sizes again
/// and again; fresh pages from the system cost more than the arithmetic on small tensors.
public final class BufferPool: Sendable {
  /// The pool that all tensors of the process take their storage from.
  public static let shared = BufferPool()

  private struct State {
    /// Addresses of free buffers by their rounded count.
    var free: [Int: [UInt]] = [:]
    var freeBytes = 0
    var usedBytes = 0
    var peakUsedBytes = 0
  }

  private let state = Mutex(State())
  /// Free buffers beyond this many bytes go back to the system.
  private let capacity = 256 << 20

  /// Sizes are rounded up to a quarter of their power of two, so that nearby sizes share buffers.
  private static func rounded(_ count: Int) -> Int {
    if count <= 64 { return 64 }
    let step = max(64, 1 << (Int.bitWidth - 1 - (count - 1).leadingZeroBitCount - 2))
    return (count + step - 1) / step * step
  }

  func take(_ count: Int) -> UnsafeMutablePointer<Float> {
    let rounded = Self.rounded(count)
    let address: UInt? = state.withLock { state in
      state.usedBytes += count * 4
      state.peakUsedBytes = max(state.peakUsedBytes, state.usedBytes)
      guard let address = state.free[rounded]?.popLast() else { return nil }
      state.freeBytes -= rounded * 4
      return address
    }
    let pointer: UnsafeMutablePointer<Float>
    if let address {
      pointer = UnsafeMutablePointer(bitPattern: address)!
    } else {
      pointer = UnsafeMutableRawPointer.allocate(byteCount: rounded * 4, alignment: 64)
        .bindMemory(to: Float.self, capacity: rounded)
    }
    #if DEBUG
      pointer.update(repeating: .nan, count: count)
    #endif
    return pointer
  }

  func give(_ pointer: UnsafeMutablePointer<Float>, _ count: Int) {
    let rounded = Self.rounded(count)
    let kept = state.withLock { state in
      state.usedBytes -= count * 4
      guard state.freeBytes + rounded * 4 <= capacity else { return false }
      state.free[rounded, default: []].append(UInt(bitPattern: pointer))
      state.freeBytes += rounded * 4
      return true
    }
    if !kept { UnsafeMutableRawPointer(pointer).deallocate() }
  }

  /// The most bytes asked for that were in use at once while `body` ran, beyond those in use
  /// before. What other threads take meanwhile counts as well.
  public func peakBytes(during body: () -> Void) -> Int {
    let before = state.withLock { state in
      state.peakUsedBytes = state.usedBytes
      return state.usedBytes
    }
    body()
    return state.withLock { $0.peakUsedBytes } - before
  }

  /// Returns every free buffer to the system: between stages, before memory is measured.
  public func drain() {
    let addresses = state.withLock { state in
      defer {
        state.free = [:]
        state.freeBytes = 0
      }
      return state.free.values.flatMap { $0 }
    }
    for address in addresses { UnsafeMutableRawPointer(bitPattern: address)!.deallocate() }
  }
}

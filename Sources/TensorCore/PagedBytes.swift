/// Owns bytes that the system can take from this process's memory and bring back when they are read:
/// those of a mapped file.
public protocol PagedBytes: AnyObject, Sendable {
  /// Lets go of memory. The bytes stay what they are; reading them again costs little while the
  /// system's cache has them.
  ///
  /// - Parameter bytes: a part of the owner's.
  func release(_ bytes: UnsafeRawBufferPointer)

  /// Asks for bytes to be read from the disk before they are needed. May wait for a busy disk.
  ///
  /// - Parameter bytes: a part of the owner's.
  func expect(_ bytes: UnsafeRawBufferPointer)
}

extension StoredTensor {
  /// Lets go of the memory of a tensor that lies in a mapped file; of any other nothing happens.
  public func releasePages() { paged?.release(bytes) }

  /// Has the system read a tensor of a mapped file before it is needed.
  public func expectPages() { paged?.expect(bytes) }
}

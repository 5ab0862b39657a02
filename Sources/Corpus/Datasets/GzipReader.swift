import CZlib

/// Unpacks what gzip has packed, a part at a time; several packed files may stand behind each other.
final class GzipReader {
  /// Why packed bytes cannot be unpacked.
  enum Damage: Error, Equatable {
    /// The file ends before its packed bytes do.
    case cutOff
    /// What zlib says of the bytes.
    case damaged(String)
  }

  /// Gives the next packed bytes; none at the end.
  private let read: () throws -> [UInt8]
  /// zlib keeps the stream's address: it may not move.
  private let stream: UnsafeMutablePointer<z_stream>
  private var input: UnsafeMutableBufferPointer<UInt8>
  /// Whether what comes next begins a packed file, or nothing comes.
  private var isBetweenFiles = true

  /// - Parameters:
  ///   - packed: the bytes that were read already.
  ///   - read: gives those that follow; none at the end.
  init(_ packed: [UInt8], _ read: @escaping () throws -> [UInt8]) throws {
    self.read = read
    input = Self.copied(packed)
    stream = .allocate(capacity: 1)
    stream.initialize(to: z_stream())
    try require(linearize_inflate_gzip(stream))
    begin(input)
  }

  deinit {
    inflateEnd(stream)
    stream.deallocate()
    input.deallocate()
  }

  /// Fills a buffer with unpacked bytes, or with fewer at the end or before damage. How many it has is
  /// returned.
  ///
  /// - Throws: `Damage` where nothing can be unpacked any more, and what reading throws.
  func fill(_ output: inout [UInt8]) throws -> Int {
    try output.withUnsafeMutableBufferPointer { output in
      stream.pointee.next_out = output.baseAddress
      stream.pointee.avail_out = UInt32(output.count)
      do {
        while stream.pointee.avail_out > 0, try hasInput() { try unpack() }
      } catch  where Int(stream.pointee.avail_out) < output.count {
        // What comes before the damage is read first, and then the damage is met again.
      }
      return output.count - Int(stream.pointee.avail_out)
    }
  }

  private func unpack() throws {
    let status = inflate(stream, Z_NO_FLUSH)
    // No progress for want of input is no mistake.
    if status != Z_BUF_ERROR { try require(status) }
    if status == Z_STREAM_END {
      isBetweenFiles = true
      try require(inflateReset(stream))
    }
  }

  /// Whether there are packed bytes to go on with.
  private func hasInput() throws -> Bool {
    if stream.pointee.avail_in == 0 {
      input.deallocate()
      input = Self.copied(try read())
      begin(input)
    }
    if stream.pointee.avail_in > 0 {
      isBetweenFiles = false
      return true
    }
    if isBetweenFiles { return false }
    throw Damage.cutOff
  }

  private func begin(_ bytes: UnsafeMutableBufferPointer<UInt8>) {
    stream.pointee.next_in = bytes.baseAddress
    stream.pointee.avail_in = UInt32(bytes.count)
  }

  private static func copied(_ bytes: [UInt8]) -> UnsafeMutableBufferPointer<UInt8> {
    let copy = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: bytes.count)
    _ = copy.initialize(from: bytes)
    return copy
  }

  private func require(_ status: Int32) throws {
    if status == Z_OK || status == Z_STREAM_END { return }
    throw Damage.damaged(
      stream.pointee.msg.map { String(cString: $0) } ?? "zlib fails with status \(status)")
  }
}

import CHDF5
import Foundation

/// The filter LZF, with which h5py compresses when it is asked for speed, for reading alone: libhdf5 has
/// it not. The format is that of Marc Lehmann's LibLZF.
enum HDF5LZF {
  /// As it is registered with The HDF Group.
  private static let identifier: H5Z_filter_t = 32000

  /// - Returns: Whether the library took it.
  static func register() -> Bool {
    var filter = H5Z_class2_t()
    filter.version = 1
    filter.id = identifier
    filter.encoder_present = 0
    filter.decoder_present = 1
    filter.filter = { flags, count, settings, bytes, capacity, buffer in
      guard flags & UInt32(H5Z_FLAG_REVERSE) != 0, let buffer, let packed = buffer.pointee else {
        return 0
      }
      // h5py's third setting is the size of a chunk. A step writes at most 264 bytes for three.
      let told = count >= 3 ? Int(settings?[2] ?? 0) : 0
      let size = told > 0 ? told : bytes * 88
      guard let unpacked = malloc(max(1, size)) else { return 0 }
      let written = HDF5LZF.unpack(
        UnsafeRawBufferPointer(start: packed, count: bytes),
        into: UnsafeMutableRawBufferPointer(start: unpacked, count: size))
      guard let written, written > 0 else {
        free(unpacked)
        return 0
      }
      free(packed)
      buffer.pointee = unpacked
      capacity?.pointee = size
      return written
    }
    return "lzf".withCString { name in
      filter.name = name
      return H5Zregister(&filter) >= 0
    }
  }

  /// - Returns: The bytes written; nil where the packed ones are damaged or do not fit.
  static func unpack(
    _ packed: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
  ) -> Int? {
    var (input, written) = (0, 0)
    while input < packed.count {
      let control = Int(packed[input])
      input += 1
      if control < 32 {
        let count = control + 1
        guard input + count <= packed.count, written + count <= output.count else { return nil }
        for place in 0..<count { output[written + place] = packed[input + place] }
        input += count
        written += count
        continue
      }
      var count = control >> 5
      if count == 7 {
        guard input < packed.count else { return nil }
        count += Int(packed[input])
        input += 1
      }
      guard input < packed.count else { return nil }
      let start = written - (control & 31) << 8 - Int(packed[input]) - 1
      input += 1
      count += 2
      guard start >= 0, written + count <= output.count else { return nil }
      // Byte by byte: what is copied may be what this step has just written.
      for place in 0..<count { output[written + place] = output[start + place] }
      written += count
    }
    return written
  }
}

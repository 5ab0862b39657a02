import Foundation

/// A picture of one colour and 256 opacities, uncompressed: for pictures of a few kilobytes a
/// compressor costs more lines than it saves bytes. PNG 1.2, RFC 1950 and 1951 (stored blocks).
enum PNG {
  /// Readable on light and on dark paper.
  private static let ink: [UInt8] = [74, 124, 199]

  /// `data:image/png;base64,…`
  ///
  /// - Parameter opacities: `[height, width]`, row-major.
  static func dataURL(opacities: [UInt8], width: Int) -> String {
    "data:image/png;base64,"
      + Data(encoded(opacities: opacities, width: width)).base64EncodedString()
  }

  static func encoded(opacities: [UInt8], width: Int) -> [UInt8] {
    let height = opacities.count / width
    var file: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
    // Eight bits of palette index a pixel, no interlacing.
    file += chunk("IHDR", bigEndian(UInt32(width)) + bigEndian(UInt32(height)) + [8, 3, 0, 0, 0])
    file += chunk("PLTE", [[UInt8]](repeating: ink, count: 256).flatMap(\.self))
    file += chunk("tRNS", Array(0...255))
    var rows: [UInt8] = []
    for row in 0..<height {
      rows.append(0)
      rows += opacities[row * width..<(row + 1) * width]
    }
    file += chunk("IDAT", stored(rows))
    return file + chunk("IEND", [])
  }

  private static func chunk(_ type: String, _ data: [UInt8]) -> [UInt8] {
    let body = Array(type.utf8) + data
    return bigEndian(UInt32(data.count)) + body + bigEndian(crc32(body))
  }

  /// A zlib stream of stored blocks of at most 65,535 bytes.
  private static func stored(_ bytes: [UInt8]) -> [UInt8] {
    var stream: [UInt8] = [0x78, 0x01]
    var start = 0
    repeat {
      let end = min(start + 65_535, bytes.count)
      let length = UInt16(end - start)
      stream += [
        end == bytes.count ? 1 : 0, UInt8(length & 0xFF), UInt8(length >> 8),
        UInt8(~length & 0xFF), UInt8(~length >> 8),
      ]
      stream += bytes[start..<end]
      start = end
    } while start < bytes.count
    return stream + bigEndian(adler32(bytes))
  }

  private static func bigEndian(_ value: UInt32) -> [UInt8] {
    [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
  }

  static func crc32(_ bytes: [UInt8]) -> UInt32 {
    var crc = UInt32.max
    for byte in bytes {
      crc ^= UInt32(byte)
      for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xEDB8_8320 : crc >> 1 }
    }
    return ~crc
  }

  static func adler32(_ bytes: [UInt8]) -> UInt32 {
    var low: UInt32 = 1
    var high: UInt32 = 0
    for byte in bytes {
      low = (low + UInt32(byte)) % 65_521
      high = (high + low) % 65_521
    }
    return high << 16 | low
  }
}

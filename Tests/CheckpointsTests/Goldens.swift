import Foundation
import Testing

/// Files that `scripts/goldens/checkpoints.py` made.
enum Goldens {
  static func path(_ name: String) -> String {
    Bundle.module.bundlePath + "/Goldens/" + name
  }

  static func bytes(_ name: String) throws -> [UInt8] {
    Array(try Data(contentsOf: URL(fileURLWithPath: path(name))))
  }

  static func floats(_ name: String) throws -> [Float] {
    let bytes = try bytes(name)
    return bytes.withUnsafeBytes { raw in
      (0..<(raw.count / 4)).map { raw.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self) }
    }
  }
}

import Documents
import Foundation

/// Which process writes a temporary file, told by the file's name: the first twelve bytes of its
/// UUID say the machine, the process's number and when it began, the last four are random.
struct WriterIdentity {
  /// Host, its boot and the namespace of its process numbers, hashed.
  private let machine: UInt32
  private let process: UInt32
  /// Ticks after the boot.
  private let start: UInt32

  /// After this many seconds without a write the file of another machine, whose processes cannot be
  /// asked, counts as left behind.
  private static let patience = 7 * 24 * 3600.0

  static let current = WriterIdentity(
    machine: machineHash(), process: UInt32(getpid()),
    start: startTicks(of: UInt32(getpid())) ?? 0)

  /// A name's UUID that no other call gives.
  func fresh() -> UUID {
    let words = [machine, process, start, UInt32.random(in: 0...UInt32.max)].flatMap { word in
      stride(from: 24, through: 0, by: -8).map { UInt8(truncatingIfNeeded: word >> UInt32($0)) }
    }
    return words.withUnsafeBytes { UUID(uuid: $0.loadUnaligned(as: uuid_t.self)) }
  }

  /// Whether the process that a name tells of is gone.
  static func isAbandoned(_ name: UUID, at path: String) -> Bool {
    let bytes = withUnsafeBytes(of: name.uuid) { Array($0) }
    let words = (0..<3).map { index in
      bytes[index * 4..<index * 4 + 4].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
    }
    if words[0] == current.machine { return startTicks(of: words[1]) != words[2] }
    var status = stat()
    guard lstat(path, &status) == 0 else { return false }
    return Date().timeIntervalSince1970 - Double(status.st_mtim.tv_sec) > patience
  }

  private static func machineHash() -> UInt32 {
    let boot = text("/proc/sys/kernel/random/boot_id")
    let namespace = linkTarget("/proc/self/ns/pid")
    let digest = Digest.sha256(of: "\(ProcessInfo.processInfo.hostName) \(boot) \(namespace)")
    return UInt32(digest.prefix(8), radix: 16) ?? 0
  }

  /// - Returns: nil when there is no such process.
  private static func startTicks(of process: UInt32) -> UInt32? {
    // The name, in parentheses, may hold spaces; 22nd field of all, 20th after it.
    let fields = text("/proc/\(process)/stat").split(separator: ")").last?.split(separator: " ")
    guard let fields, fields.count > 19, let ticks = UInt64(fields[19]) else { return nil }
    return UInt32(truncatingIfNeeded: ticks)
  }

  /// Empty for what cannot be read.
  private static func text(_ path: String) -> String {
    FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) } ?? ""
  }

  private static func linkTarget(_ path: String) -> String {
    var buffer = [UInt8](repeating: 0, count: 256)
    let count = readlink(path, &buffer, buffer.count)
    return count > 0 ? String(decoding: buffer[..<count], as: UTF8.self) : ""
  }
}

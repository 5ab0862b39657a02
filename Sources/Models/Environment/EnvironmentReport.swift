import Documents
import Foundation

/// What a run's numbers depend on besides its recipe: program, machine, libraries, job.
public struct EnvironmentReport: Sendable {
  /// The program's version, as `linearize --version` prints it.
  public static let version = "0.1.0"

  /// Names and versions of the libraries that compute and store, such as OpenBLAS's core type and
  /// threads, which decide the last bits of every sum.
  public var libraries: [(name: String, value: String)]
  /// The process's environment variables; those of Slurm are reported.
  public var variables: [String: String]
  /// The commit that the program was built of; nil when it does not know.
  public var commit: String?
  /// Texts of `/proc/cpuinfo`, `/proc/meminfo` and `/etc/os-release`; empty where there is none.
  public var processorText: String
  /// Text of `/proc/meminfo`.
  public var memoryText: String
  /// Text of `/etc/os-release`.
  public var systemText: String
  /// Processors that the process may use.
  public var cores: Int

  /// A report of given texts; `current` reads those of this machine.
  public init(
    libraries: [(name: String, value: String)], variables: [String: String], commit: String?,
    processorText: String, memoryText: String, systemText: String, cores: Int
  ) {
    self.libraries = libraries
    self.variables = variables
    self.commit = commit
    self.processorText = processorText
    self.memoryText = memoryText
    self.systemText = systemText
    self.cores = cores
  }

  /// Of this process.
  public static func current(
    libraries: [(name: String, value: String)] = [], commit: String? = nil
  ) -> EnvironmentReport {
    let process = ProcessInfo.processInfo
    return EnvironmentReport(
      libraries: libraries, variables: process.environment, commit: commit,
      processorText: text(of: "/proc/cpuinfo"), memoryText: text(of: "/proc/meminfo"),
      systemText: text(of: "/etc/os-release"), cores: process.activeProcessorCount)
  }

  /// The report as `env.json` holds it.
  public var document: JSONValue {
    let job = Self.jobVariables.compactMap { name in variables[name].map { (name, $0) } }
    return [
      "version": .string(Self.version),
      "commit": commit.map { .string($0) } ?? .null,
      "processor": [
        "model": string(processorText, "model name"),
        "cores": .integer(cores),
        "features": .array(features.map { .string($0) }),
      ],
      "memoryBytes": memoryBytes.map { .integer($0) } ?? .null,
      "system": [
        "name": string(systemText, "PRETTY_NAME"), "kernel": .string(Self.kernel),
        "host": .string(ProcessInfo.processInfo.hostName),
      ],
      "libraries": .object(JSONObject(libraries.map { ($0.name, .string($0.value)) })),
      "slurm": .object(JSONObject(job.map { ($0.0, .string($0.1)) })),
    ]
  }

  /// What tells which job ran where with how much. Others are left out, for some are secrets:
  /// `SLURM_JWT` is a token that lets its reader act as the user.
  private static let jobVariables = [
    "SLURM_ARRAY_JOB_ID", "SLURM_ARRAY_TASK_ID", "SLURM_CLUSTER_NAME", "SLURM_CPUS_ON_NODE",
    "SLURM_CPUS_PER_TASK", "SLURM_JOB_CPUS_PER_NODE", "SLURM_JOB_ID", "SLURM_JOB_NAME",
    "SLURM_JOB_NODELIST", "SLURM_JOB_NUM_NODES", "SLURM_JOB_PARTITION", "SLURM_JOB_QOS",
    "SLURM_LOCALID", "SLURM_MEM_PER_CPU", "SLURM_MEM_PER_NODE", "SLURM_NODEID", "SLURM_NTASKS",
    "SLURM_PROCID", "SLURM_RESTART_COUNT", "SLURM_STEP_ID", "SLURM_STEP_NODELIST",
  ]

  /// The vector extensions that choose a kernel; the other flags tell nothing here.
  private var features: [String] {
    let flags = Set((value(processorText, "flags") ?? "").split(separator: " ").map(String.init))
    return [
      "sse4_2", "avx", "avx2", "fma", "f16c", "avx512f", "avx512bw", "avx512vl", "avx512_vnni",
      "avx512_bf16", "amx_tile", "amx_bf16", "amx_int8",
    ].filter(flags.contains)
  }

  private var memoryBytes: Int? {
    value(memoryText, "MemTotal")?.split(separator: " ").first.flatMap { Int($0) }.map { $0 * 1024 }
  }

  private func string(_ text: String, _ key: String) -> JSONValue {
    value(text, key).map { .string($0) } ?? .null
  }

  /// The first `key: value` or `key=value` line, without quotes.
  private func value(_ text: String, _ key: String) -> String? {
    for line in text.split(separator: "\n") where line.hasPrefix(key) {
      let parts = line.split(maxSplits: 1) { $0 == ":" || $0 == "=" }
      guard parts.count == 2, parts[0].trimmingCharacters(in: .whitespaces) == key else { continue }
      return parts[1].trimmingCharacters(in: CharacterSet(charactersIn: " \t\""))
    }
    return nil
  }

  private static var kernel: String {
    let release = text(of: "/proc/sys/kernel/osrelease").trimmingCharacters(
      in: .whitespacesAndNewlines)
    return release.isEmpty ? "unknown" : release
  }

  /// A file that this system does not have is reported as null, not as an error.
  private static func text(of path: String) -> String {
    FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) } ?? ""
  }
}

import Documents
import Foundation
import Testing

@testable import Models

@Suite struct EnvironmentReportTests {
  @Test
  func `The report holds processor, memory, system, libraries and the job, and nothing private`() {
    let report = EnvironmentReport(
      libraries: [("openblas", "0.3.21 SkylakeX, 2 threads"), ("hdf5", "1.10.8")],
      variables: ["SLURM_JOB_ID": "7", "HOME": "/root", "TOKEN": "x", "SLURM_ARRAY_TASK_ID": "1"],
      commit: "abc",
      processorText: "processor\t: 0\nmodel name\t: Xeon @ 2.5GHz\nflags\t\t: fpu avx2 fma avx\n",
      memoryText: "MemTotal:       16384 kB\nMemFree: 1 kB\n",
      systemText: "NAME=\"Debian\"\nPRETTY_NAME=\"Debian 12\"\n", cores: 2)
    let document = report.document
    #expect(document["commit"] == "abc")
    #expect(
      document["processor"]
        == ["model": "Xeon @ 2.5GHz", "cores": 2, "features": ["avx", "avx2", "fma"]])
    #expect(document["memoryBytes"] == 16_777_216)
    #expect(document["system"]?["name"] == "Debian 12")
    #expect(document["libraries"]?["openblas"] == "0.3.21 SkylakeX, 2 threads")
    #expect(
      document["slurm"]?.compact == #"{"SLURM_ARRAY_TASK_ID":"1","SLURM_JOB_ID":"7"}"#)
    #expect(!document.compact.contains("TOKEN"))
  }

  @Test func `What a system does not tell is null`() {
    let document = EnvironmentReport(
      libraries: [], variables: [:], commit: nil, processorText: "", memoryText: "garbage",
      systemText: "", cores: 1
    ).document
    #expect(document["processor"]?["model"] == .null)
    #expect(document["memoryBytes"] == .null)
    #expect(document["commit"] == .null)
    #expect(document["slurm"] == [:])
  }

  @Test func `This process has cores, a kernel and resident memory`() {
    let document = EnvironmentReport.current().document
    #expect(document["processor"]?["cores"]?.intValue ?? 0 >= 1)
    #expect(document["system"]?["kernel"] != "unknown")
    #expect(ProcessMemory.peakBytes > 1 << 20)
  }
}

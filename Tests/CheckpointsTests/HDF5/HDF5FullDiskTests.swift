import Documents
import Foundation
import TensorCore
import Testing

@testable import Checkpoints

/// A child process may not grow a file beyond a limit, which to a writer is a full disk.
@Suite struct HDF5FullDiskTests {
  /// Limits that hit the header, the payload, and what is left for closing.
  static let limits = [100, 600, 5_000, 100_000, 400_000, 1_200_000]

  @Test func `a full disk is an error of input and output, and no crash`() async {
    await #expect(processExitsWith: .success) {
      for limit in HDF5FullDiskTests.limits {
        let folder = try TemporaryFolder()
        limitFiles(to: limit)
        let error = failureOfWriting(folder.file("a.h5"))
        // One line that ends in the system's word for a file beyond its limit.
        guard let error, error.exitCode == .inputOutput,
          error.description.hasSuffix("file write failed: File too large")
        else {
          throw UnexpectedOutcome(limit: limit, error: error)
        }
      }
    }
  }

  @Test func `the same writer succeeds when there is room`() async {
    await #expect(processExitsWith: .success) {
      let folder = try TemporaryFolder()
      limitFiles(to: 2_000_000)
      if let error = failureOfWriting(folder.file("a.h5")) { throw error }
    }
  }
}

private struct UnexpectedOutcome: Error {
  let limit: Int
  let error: HDF5Error?
}

func limitFiles(to bytes: Int) {
  signal(SIGXFSZ, SIG_IGN)
  var limit = rlimit()
  getrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
  limit.rlim_cur = rlim_t(bytes)
  precondition(setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit) == 0)
}

/// Writes about 1.6 MB row by row.
private func failureOfWriting(_ path: String) -> HDF5Error? {
  do {
    let file = try HDF5File.create(path)
    let dataset = try file.createDataset(
      "layers/0", shape: [400, 1000], type: .float32, rowsPerChunk: 16)
    let row = [Float](repeating: 1, count: 1000)
    for index in 0..<400 {
      try row.withUnsafeBufferPointer {
        try dataset.writeRows(start: index, count: 1, from: $0.baseAddress!)
      }
    }
    try dataset.attributes.set("step", to: 3)
    try file.close()
    return nil
  } catch let error as HDF5Error {
    return error
  } catch {
    return nil
  }
}

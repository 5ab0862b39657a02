import CHDF5
import Documents
import Foundation
import Testing

@testable import Checkpoints

/// Groups that are named more than once: few of them have more paths than can be listed.
@Suite struct HDF5LinkGraphTests {
  /// Groups within each other, each with two names for the next, and a dataset in the last.
  private func write(_ path: String, levels: Int) throws {
    try HDF5File.create(path).close()
    try HDF5Library.locked {
      let file = H5Fopen(path, 1, 0)
      var group = H5Gcreate2(file, "g", 0, 0, 0)
      for _ in 0..<levels {
        let next = H5Gcreate2(group, "a", 0, 0, 0)
        try #require(H5Lcreate_hard(group, "a", group, "b", 0, 0) >= 0)
        H5Gclose(group)
        group = next
      }
      H5Gclose(group)
      H5Fclose(file)
    }
  }

  @Test(.timeLimit(.minutes(1)))
  func `A file of more names than any has is refused, and one of some is listed`() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("links.h5")
    try write(path, levels: 28)
    let error = try #require(throws: HDF5Error.self) { _ = try HDF5File.open(path).names }
    #expect(error.exitCode == .badData)
    #expect(error.description.contains("it names more than 65536 objects"), "\(error)")
    let small = folder.file("small.h5")
    try write(small, levels: 3)
    #expect(try HDF5File.open(small).names.isEmpty)
  }
}

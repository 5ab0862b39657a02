import Checkpoints
import TensorCore
import Testing

@Suite struct HDF5TensorRowsTests {
  @Test func `tensors and lists are written and read at their rows`() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("a.h5")
    let file = try HDF5File.create(path)
    let floats = try file.createDataset("floats", shape: [4, 2], type: .float32, rowsPerChunk: 2)
    try floats.writeRows(start: 2, Tensor([5, 6, 7, 8], [2, 2]))
    try floats.writeRows(start: 0, Tensor([1, 2, 3, 4], [1, 4]))
    let ids = try file.createDataset("ids", shape: [3, 2], type: .int32, rowsPerChunk: 1)
    try ids.writeRows(start: 0, [1, 2, 3, 4, 5, 6])
    try file.close()

    let read = try HDF5File.open(path)
    var tensor = Tensor(repeating: -1, [3, 2])
    try read.dataset("floats").readRows(start: 1, count: 2, into: &tensor, at: 1)
    #expect(tensor.elements == [-1, -1, 3, 4, 5, 6])
    #expect(try read.dataset("ids").int32Rows(start: 1, count: 2) == [3, 4, 5, 6])
  }

  @Test func `a dataset holds a tensor when shape and bits are its own`() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("a.h5")
    let tensor = Tensor([1, .nan, -0.0, 2], [2, 2])
    let file = try HDF5File.create(path)
    try file.write("a", tensor)
    try file.close()
    let read = try HDF5File.open(path)
    #expect(try read.holds(tensor, at: "a"))
    #expect(try !read.holds(tensor.reshaped([4]), at: "a"))
    #expect(try !read.holds(Tensor([1, .nan, 0, 2], [2, 2]), at: "a"))
  }

  @Test func `the first number beyond half precision is told, infinite ones are none`() {
    #expect(firstBeyondFloat16(Tensor([1, 65_504, 65_519, -.infinity, .nan], [5])) == nil)
    #expect(firstBeyondFloat16(Tensor([1, -65_520, 70_000], [3])) == -65_520)
  }
}

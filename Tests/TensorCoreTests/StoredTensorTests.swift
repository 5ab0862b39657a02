import TensorCore
import Testing

@Suite struct StoredTensorTests {
  private let matrix = Tensor((0..<12).map(Float.init), [4, 3])

  @Test func `A tensor comes back from its stored form unchanged`() {
    for shape in [[4, 3], [12], [2, 2, 3], [1, 12]] as [Shape] {
      let stored = StoredTensor(matrix.reshaped(shape))
      #expect(stored.elementType == .float32)
      #expect(stored.shape == shape.dimensions)
      #expect(stored.count == 12)
      #expect(stored.rows * stored.rowLength == 12)
      #expect(stored.widened().shape == shape)
      #expect(stored.widened().elements == matrix.elements)
    }
  }

  @Test func `Writing the tensor afterwards leaves the stored form as it was`() {
    var tensor = Tensor([1, 2, 3, 4], [2, 2])
    let stored = StoredTensor(tensor)
    tensor.withMutablePointer { $0[0] = 100 }
    #expect(stored.widened().elements == [1, 2, 3, 4])
    #expect(tensor.elements == [100, 2, 3, 4])
  }

  @Test func `The stored form keeps its bytes alive after the tensor is gone`() {
    let stored = { StoredTensor(Tensor(repeating: 3, [5, 20])) }()
    // Would reuse the buffer if it had been given back.
    let other = (0..<4).map { _ in Tensor(repeating: 9, [5, 20]) }
    #expect(stored.widened().elements == [Float](repeating: 3, count: 100))
    #expect(other.allSatisfy { $0.elements[0] == 9 })
  }

  @Test func `A range of rows is widened to where the caller says, and nothing else is written`() {
    let stored = StoredTensor(matrix)
    var output = [Float](repeating: -1, count: 8)
    output.withUnsafeMutableBufferPointer {
      stored.widen(rows: 1..<3, into: $0.baseAddress! + 1)
    }
    #expect(output == [-1, 3, 4, 5, 6, 7, 8, -1])
  }

  @Test func `Selected rows come in the order of the selection, repeated where it repeats`() {
    let selected = StoredTensor(matrix).selectingRows([2, 0, 2])
    #expect(selected.shape == [3, 3])
    #expect(selected.widened().elements == [6, 7, 8, 0, 1, 2, 6, 7, 8])
    var row = [Float](repeating: 0, count: 3)
    row.withUnsafeMutableBufferPointer { selected.widen(rows: 1..<2, into: $0.baseAddress!) }
    #expect(row == [0, 1, 2])
  }

  @Test func `A selection of a selection refers to the rows of the first`() {
    let selected = StoredTensor(matrix).selectingRows([3, 1, 0]).selectingRows([2, 0])
    #expect(selected.widened().elements == [0, 1, 2, 9, 10, 11])
  }
}

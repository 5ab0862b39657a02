import Operations
import TensorCore
import Testing

@Suite struct RowsTests {
  private let matrix = Tensor((0..<12).map(Float.init), [4, 3])

  @Test func `Rows go to the places that are named, and leave the others`() {
    var whole = Tensor(repeating: -1, [4, 3])
    scatterRows(Tensor([1, 2, 3, 4, 5, 6], [2, 3]), [3, 0], into: &whole)
    #expect(whole.elements == [4, 5, 6, -1, -1, -1, -1, -1, -1, 1, 2, 3])
    scatterRows(Tensor([], [0, 3]), [], into: &whole)
    #expect(whole.elements[0] == 4)
  }

  @Test func `Lists hold a matrix row by row`() {
    #expect(listedRows(matrix) == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9, 10, 11]])
  }

  @Test func `Parts that are joined stand where they say`() {
    let parts = [(2..<4, copiedRows(matrix, 0..<2)), (0..<2, copiedRows(matrix, 2..<4))]
    let joined = joinedRows(
      parts.map { (rows: $0.0, tensor: $0.1) }, rows: 4, width: 3)
    #expect(joined.elements == [6, 7, 8, 9, 10, 11, 0, 1, 2, 3, 4, 5])
  }
}

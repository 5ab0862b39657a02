import Operations
import TensorCore
import Testing

@Suite struct InitializationTests {
  @Test(arguments: [(1, 1), (3, 3), (17, 40), (40, 41)])
  func `Rows become orthogonal, each of the length that is asked for`(rows: Int, columns: Int) {
    var generator = SeededGenerator(seed: 1, purpose: "rows")
    let draws = Tensor.normal([rows, columns], deviation: 1, using: &generator)
    let x = orthogonalRows(draws, length: 2)
    let products = matrixProduct(x, x, rightTransposed: true).elements
    for (index, product) in products.enumerated() {
      let expected: Float = index / rows == index % rows ? 4 : 0
      #expect(abs(product - expected) < 1e-5, "\(index): \(product)")
    }
  }

  @Test func `Matrices that are not square have ones as far as their diagonal goes`() {
    #expect(identityMatrices([2, 2, 3]).elements == [1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1, 0])
    #expect(identityMatrices([1, 3, 1]).elements == [1, 0, 0])
  }
}

import Operations
import TensorCore
import Testing

@Suite struct EmbeddingSimilarityTests {
  private let x = Tensor([1, 2, 3, 4, 5, 6], [3, 2])
  private let y = Tensor([1, 0, 0, 1, 1, -1], [3, 2])

  @Test func `Products are those of rows at one place, and of each pair of rows once`() {
    #expect(rowProducts(x, y) == [1, 4, -1])
    #expect(pairProducts(x).elements == [11, 17, 39])
    #expect(pairProducts(Tensor([1, 2], [1, 2])).shape == [0])
  }

  @Test func `Ranks correlate as scipy's do, ties sharing theirs; equal numbers have no order`() {
    let values = Tensor([1, 2, 2, 4], [4])
    #expect(rankCorrelation(values, values) == 1)
    #expect(rankCorrelation(values, Tensor([4, 2, 2, 1], [4])) == -1)
    #expect(rankCorrelation(values, Tensor([7, 7, 7, 7], [4])) == nil)
  }
}

import Testing

@testable import Evaluation
@testable import Operations

@Suite struct AttentionBlocksTests {
  private func naive(_ weights: [Float], length: Int, tokens: Int, block: Int) -> [Double] {
    let side = (tokens + block - 1) / block
    return (0..<side * side).map { cell in
      var values: [Double] = []
      for query in 0..<tokens where query / block == cell / side {
        for key in 0..<tokens where key / block == cell % side {
          values.append(Double(weights[query * length + key]))
        }
      }
      return values.reduce(0, +) / Double(values.count)
    }
  }

  @Test(arguments: [(1, 4, 1, 1), (9, 64, 9, 1), (64, 64, 64, 1), (65, 64, 33, 2), (10, 4, 4, 3)])
  func `Blocks hold the mean of their cells, those at the end of what is left`(
    tokens: Int, size: Int, side: Int, block: Int
  ) {
    let length = tokens + 3
    for isCausal in [true, false] {
      let weights = (0..<length * length).map { cell in
        !isCausal || cell % length <= cell / length ? Float((cell * 37) % 101) / 101 : 0
      }
      let (map, found) = attentionBlocks(weights, length: length, tokens: tokens, size: size)
      #expect(found == side)
      let expected = naive(weights, length: length, tokens: tokens, block: block)
      #expect(map.count == expected.count)
      #expect(zip(map, expected).allSatisfy { abs(Double($0) - $1) < 1e-6 })
    }
  }
}

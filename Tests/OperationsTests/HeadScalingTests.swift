import TensorCore
import TestSupport
import Testing

@testable import Operations

@Suite struct HeadScalingTests {
  private let x = {
    var draw = TestValues(3)
    return draw.normal(7 * 12)
  }()

  @Test(arguments: [4, 28]) func `Every head has its factor`(count: Int) {
    var draw = TestValues(4)
    let factors = draw.normal(count)
    let shape: Shape = count == 4 ? [1, 4, 1, 1] : [7, 4]
    let found = scaledHeads(tensor(x, [7, 12]), by: tensor(factors, shape), heads: 4)
    let expected = Naive.scaledHeads(x, by: factors, heads: 4, width: 3)
    #expect(relativeRMS(found.elements, expected) < 1e-7)
  }

  @Test(arguments: [4, 28]) func `Its gradients are the definition's`(count: Int) {
    var draw = TestValues(4)
    let factors = draw.normal(count)
    let seed = draw.normal(x.count)
    let found = scaledHeadsFactorGradient(
      tensor(seed, [7, 12]), x: tensor(x, [7, 12]), factors: tensor(factors, [count]), heads: 4)
    let error = directionalError(of: found.elements, at: factors) {
      dot(Naive.scaledHeads(x, by: $0, heads: 4, width: 3), seed)
    }
    #expect(error < 1e-6)
  }
}

import Operations
import TensorCore
import TestSupport
import Testing

@Suite struct GroupNormTests {
  @Test(arguments: [1, 8, 17, 64], [true, false])
  func `outputs and gradients equal the definition`(headDim: Int, isAffine: Bool) throws {
    var draw = TestValues(1)
    let (rows, width) = (67, 3 * headDim)
    let epsilon = Double(Float(0.125))
    let x = draw.normal(rows * width, scale: 3).map { $0 + 1 }
    let weight = isAffine ? draw.normal(width) : .init(repeating: 1, count: width)
    let bias = isAffine ? draw.normal(width) : .init(repeating: 0, count: width)
    let outputGradient = draw.normal(rows * width)
    let input = tensor(x, [rows, width])
    let (output, statistics) = groupNorm(
      input, weight: isAffine ? tensor(weight, [width]) : nil,
      bias: isAffine ? tensor(bias, [width]) : nil, headDim: headDim, epsilon: Float(epsilon))
    let exact = input.elements.map(Double.init)
    let naive = { (x: [Double], weight: [Double], bias: [Double]) in
      Naive.groupNorm(x, weight: weight, bias: bias, headDim: headDim, epsilon: epsilon)
    }
    #expect(relativeRMS(output.elements, naive(exact, weight, bias)) < 5e-7)
    let found = groupNormGradients(
      tensor(outputGradient, [rows, width]), x: input,
      weight: isAffine ? tensor(weight, [width]) : nil, statistics: statistics, headDim: headDim,
      parameterGradients: isAffine)
    // A head of one coordinate is all mean.
    try expectGradient(found.input, at: exact, within: 3e-6, floor: headDim == 1 ? 1e-3 : 1e-6) {
      dot(naive($0, weight, bias), outputGradient)
    }
    #expect((found.weight != nil) == isAffine && (found.bias != nil) == isAffine)
    if isAffine {
      try expectGradient(found.weight, at: weight, within: 2e-6, floor: 1e-3) {
        dot(naive(exact, $0, bias), outputGradient)
      }
      try expectGradient(found.bias, at: bias, within: 2e-6) {
        dot(naive(exact, weight, $0), outputGradient)
      }
    }
  }

  @Test func `a bias without a weight is added`() {
    let bias = Tensor([1, 2, 3, 4], [4])
    let x = Tensor([5, 6, 7, 9, 1, 2, 3, 3], [2, 4])
    let plain = groupNorm(x, weight: nil, bias: nil, headDim: 2, epsilon: 1e-5).output.elements
    let found = groupNorm(x, weight: nil, bias: bias, headDim: 2, epsilon: 1e-5).output.elements
    #expect(found == plain.indices.map { plain[$0] + Float($0 % 4 + 1) })
  }
}

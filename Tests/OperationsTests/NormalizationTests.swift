import RealModule
import TensorCore
import TestSupport
import Testing

@testable import Operations

@Suite struct RMSNormTests {
  @Test(arguments: [1, 15, 16, 33, 130])
  func `the output and the kept reciprocals equal the definition`(width: Int) {
    var draw = TestValues(1)
    let x = draw.normal(70 * width, scale: 3)
    let weight = draw.normal(width)
    let (output, reciprocals) = rmsNorm(
      tensor(x, [70, width]), weight: tensor(weight, [width]), epsilon: 1e-5)
    #expect(output.shape == [70, width])
    let expected = Naive.rmsNorm(x, weight: weight, epsilon: Double(Float(1e-5)))
    #expect(relativeRMS(output.elements, expected) < 5e-7)
    let roots = (0..<70).map { row in
      let squares = x[row * width..<(row + 1) * width].reduce(0) { $0 + $1 * $1 }
      return 1 / (squares / Double(width) + 1e-5).squareRoot()
    }
    #expect(relativeRMS(reciprocals.elements, roots) < 5e-7)
  }

  @Test func `a wider tensor is read as rows of the weight's length, as head norms are`() {
    var draw = TestValues(2)
    let x = draw.normal(5 * 3 * 8)
    let weight = draw.normal(8)
    let (output, reciprocals) = rmsNorm(
      tensor(x, [5, 24]), weight: tensor(weight, [8]), epsilon: 1e-6)
    #expect(output.shape == [5, 24])
    #expect(reciprocals.count == 15)
    #expect(
      relativeRMS(output.elements, Naive.rmsNorm(x, weight: weight, epsilon: 1e-6)) < 5e-7)
  }

  @Test func `a row of zeros comes out as zeros, by grace of epsilon`() {
    let (output, _) = rmsNorm(
      Tensor(zeros: [2, 20]), weight: Tensor(repeating: 1, [20]), epsilon: 1e-6)
    #expect(output.elements == [Float](repeating: 0, count: 40))
  }

  @Test(arguments: [1, 33])
  func `every gradient equals the numerical derivative`(width: Int) throws {
    var draw = TestValues(3)
    let rows = 70
    let x = draw.normal(rows * width, scale: 2)
    let weight = draw.normal(width)
    let outputGradient = draw.normal(rows * width)
    let epsilon = Double(Float(0.5))
    let input = tensor(x, [rows, width])
    let weights = tensor(weight, [width])
    let reciprocals = rmsNorm(input, weight: weights, epsilon: 0.5).reciprocals
    let gradient = tensor(outputGradient, [rows, width])
    let found = rmsNormGradients(
      gradient, x: input, weight: weights, reciprocals: reciprocals, weightGradient: true)
    try expectGradient(found.input, at: x, within: 2e-6) {
      dot(Naive.rmsNorm($0, weight: weight, epsilon: epsilon), outputGradient)
    }
    try expectGradient(found.weight, at: weight, within: 2e-6) {
      dot(Naive.rmsNorm(x, weight: $0, epsilon: epsilon), outputGradient)
    }
    let withoutWeight = rmsNormGradients(
      gradient, x: input, weight: weights, reciprocals: reciprocals, weightGradient: false)
    #expect(withoutWeight.weight == nil)
    #expect(withoutWeight.input.elements == found.input.elements)
  }
}

@Suite struct LayerNormTests {
  @Test(arguments: [2, 15, 33, 130])
  func `the output and the kept statistics equal the definition`(width: Int) {
    var draw = TestValues(4)
    let x = draw.normal(70 * width, scale: 3).map { Double(Float($0 + 2)) }
    let weight = draw.normal(width)
    let bias = draw.normal(width)
    let (output, statistics) = layerNorm(
      tensor(x, [70, width]), weight: tensor(weight, [width]), bias: tensor(bias, [width]),
      epsilon: 1e-5)
    let expected = Naive.layerNorm(x, weight: weight, bias: bias, epsilon: Double(Float(1e-5)))
    #expect(relativeRMS(output.elements, expected) < 2e-6)
    let means = (0..<70).map { row in
      x[row * width..<(row + 1) * width].reduce(0, +) / Double(width)
    }
    #expect(statistics.shape == [70, 2])
    let kept = statistics.elements
    #expect(relativeRMS((0..<70).map { kept[2 * $0] }, means) < 5e-7)
  }

  @Test func `a mean far from zero costs no more digits than floats have`() {
    var draw = TestValues(5)
    let x = draw.normal(4 * 64).map { Double(Float($0 + 1000)) }
    let (output, _) = layerNorm(
      tensor(x, [4, 64]), weight: Tensor(repeating: 1, [64]), bias: Tensor(zeros: [64]),
      epsilon: 1e-5)
    let expected = Naive.layerNorm(
      x, weight: [Double](repeating: 1, count: 64), bias: [Double](repeating: 0, count: 64),
      epsilon: Double(Float(1e-5)))
    // One bit of a float at 1000 is 6e-5 of the standard deviation; the mean is off by about that.
    #expect(relativeRMS(output.elements, expected) < 6e-5)
  }

  @Test(arguments: [2, 33])
  func `every gradient equals the numerical derivative`(width: Int) throws {
    var draw = TestValues(6)
    let rows = 70
    let x = draw.normal(rows * width, scale: 2).map { Double(Float($0 + 1)) }
    let weight = draw.normal(width)
    let bias = draw.normal(width)
    let outputGradient = draw.normal(rows * width)
    let epsilon = Double(Float(0.5))
    let input = tensor(x, [rows, width])
    let weights = tensor(weight, [width])
    let statistics = layerNorm(
      input, weight: weights, bias: tensor(bias, [width]), epsilon: 0.5
    ).statistics
    let gradient = tensor(outputGradient, [rows, width])
    let found = layerNormGradients(
      gradient, x: input, weight: weights, statistics: statistics, parameterGradients: true)
    try expectGradient(found.input, at: x, within: 5e-6) {
      dot(Naive.layerNorm($0, weight: weight, bias: bias, epsilon: epsilon), outputGradient)
    }
    try expectGradient(found.weight, at: weight, within: 5e-6) {
      dot(Naive.layerNorm(x, weight: $0, bias: bias, epsilon: epsilon), outputGradient)
    }
    try expectGradient(found.bias, at: bias, within: 5e-6) {
      dot(Naive.layerNorm(x, weight: weight, bias: $0, epsilon: epsilon), outputGradient)
    }
    let inputOnly = layerNormGradients(
      gradient, x: input, weight: weights, statistics: statistics, parameterGradients: false)
    #expect(inputOnly.weight == nil && inputOnly.bias == nil)
    #expect(inputOnly.input.elements == found.input.elements)
  }
}

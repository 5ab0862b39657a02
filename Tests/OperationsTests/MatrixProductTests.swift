import RealModule
import TensorCore
import TestSupport
import Testing

@testable import Operations

private func transposed(_ x: [Double], rows: Int) -> [Double] {
  let columns = x.count / rows
  return (0..<columns).flatMap { column in (0..<rows).map { x[$0 * columns + column] } }
}

@Suite struct MatrixProductTests {
  @Test(arguments: [(1, 1, 1), (1, 5, 3), (3, 1, 7), (17, 33, 19), (65, 40, 129)])
  func `the product equals its definition with either factor transposed`(m: Int, n: Int, k: Int) {
    var draw = TestValues(1)
    let left = draw.normal(m * k)
    let right = draw.normal(k * n)
    let expected = Naive.matrixProduct(left, right, m: m, n: n, k: k)
    for leftTransposed in [false, true] {
      for rightTransposed in [false, true] {
        let product = matrixProduct(
          leftTransposed ? tensor(transposed(left, rows: m), [k, m]) : tensor(left, [m, k]),
          rightTransposed ? tensor(transposed(right, rows: k), [n, k]) : tensor(right, [k, n]),
          leftTransposed: leftTransposed, rightTransposed: rightTransposed)
        #expect(product.shape == [m, n])
        #expect(relativeRMS(product.elements, expected) < 1e-6)
      }
    }
  }

  @Test(arguments: [false, true])
  func `a product is added to what is there`(leftTransposed: Bool) {
    let (m, n, k) = (37, 18, 70)
    var draw = TestValues(5)
    let (left, right, total) = (draw.normal(m * k), draw.normal(k * n), draw.normal(m * n))
    let product = Naive.matrixProduct(left, right, m: m, n: n, k: k)
    var found = tensor(total, [m, n])
    addProduct(
      leftTransposed ? tensor(transposed(left, rows: m), [k, m]) : tensor(left, [m, k]),
      tensor(right, [k, n]), leftTransposed: leftTransposed, to: &found)
    #expect(relativeRMS(found.elements, zip(total, product).map { $0 + $1 }) < 1e-6)
  }

  @Test func `the naive twin reads a transposed right factor as stored`() {
    let right: [Double] = [1, 2, 3, 4, 5, 6]
    let plain = Naive.matrixProduct([1.0, 10, 100], right, m: 1, n: 2, k: 3)
    let other = Naive.matrixProduct(
      [1.0, 10, 100], transposed(right, rows: 3), m: 1, n: 2, k: 3, rightTransposed: true)
    #expect(plain == [531, 642])
    #expect(other == plain)
  }

  @Test func `the products that the tape uses as gradients are the derivatives of x Wᵀ`() throws {
    let (m, n, k) = (20, 7, 9)
    var draw = TestValues(2)
    let left = draw.normal(m * k)
    let right = draw.normal(n * k)
    let outputGradient = draw.normal(m * n)
    let loss = { (left: [Double], right: [Double]) in
      dot(Naive.matrixProduct(left, right, m: m, n: n, k: k, rightTransposed: true), outputGradient)
    }
    let gradient = tensor(outputGradient, [m, n])
    try expectGradient(matrixProduct(gradient, tensor(right, [n, k])), at: left, within: 1e-6) {
      loss($0, right)
    }
    try expectGradient(
      matrixProduct(gradient, tensor(left, [m, k]), leftTransposed: true), at: right, within: 1e-6
    ) { loss(left, $0) }
  }
}

@Suite struct FrozenLinearTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let tokens, outputs, inputs: Int
    var testDescription: String { "\(tokens) tokens, weights [\(outputs), \(inputs)]" }
  }

  /// One token takes the vector path; 1,025 and 2,049 outputs need several blocks a worker.
  static let cases = [
    Case(tokens: 1, outputs: 1, inputs: 1), Case(tokens: 1, outputs: 37, inputs: 19),
    Case(tokens: 17, outputs: 37, inputs: 19), Case(tokens: 1, outputs: 1025, inputs: 31),
    Case(tokens: 3, outputs: 2049, inputs: 5), Case(tokens: 130, outputs: 33, inputs: 65),
  ]

  @Test(arguments: cases)
  func `frozen weights multiply as their definition, in order or permuted`(testCase: Case) {
    let (tokens, outputs, inputs) = (testCase.tokens, testCase.outputs, testCase.inputs)
    var draw = TestValues(3)
    let x = draw.normal(tokens * inputs)
    let weight = draw.normal(outputs * inputs)
    let order = permutation(outputs)
    let permuted = order.flatMap { row in
      weight[Int(row) * inputs..<(Int(row) + 1) * inputs]
    }
    let input = tensor(x, [tokens, inputs])
    let expect = { (weight: [Double], stored: StoredTensor, location: SourceLocation) in
      let expected = Naive.matrixProduct(
        x, weight, m: tokens, n: outputs, k: inputs, rightTransposed: true)
      let y = frozenLinear(input, stored)
      #expect(y.shape == [tokens, outputs], sourceLocation: location)
      #expect(relativeRMS(y.elements, expected) < 1e-6, sourceLocation: location)
    }
    expect(weight, stored(weight, [outputs, inputs]), #_sourceLocation)
    expect(weight, storedUnaligned(weight, [outputs, inputs]), #_sourceLocation)
    expect(permuted, stored(weight, [outputs, inputs]).selectingRows(order), #_sourceLocation)
  }

  @Test(arguments: cases)
  func `the input gradient is the derivative, in order or permuted`(testCase: Case) throws {
    let (tokens, outputs, inputs) = (testCase.tokens, testCase.outputs, testCase.inputs)
    var draw = TestValues(4)
    let x = draw.normal(tokens * inputs)
    let weight = draw.normal(outputs * inputs)
    let outputGradient = draw.normal(tokens * outputs)
    let order = permutation(outputs)
    for isPermuted in [false, true] {
      var matrix = stored(weight, [outputs, inputs])
      var rows = weight
      if isPermuted {
        matrix = matrix.selectingRows(order)
        rows = order.flatMap { weight[Int($0) * inputs..<(Int($0) + 1) * inputs] }
      }
      let gradient = frozenLinearInputGradient(tensor(outputGradient, [tokens, outputs]), matrix)
      #expect(gradient.shape == [tokens, inputs])
      try expectGradient(gradient, at: x, within: 2e-6, coordinates: 6) {
        dot(
          Naive.matrixProduct(
            $0, rows, m: tokens, n: outputs, k: inputs, rightTransposed: true), outputGradient)
      }
    }
  }

  @Test func `the input gradient adds up the blocks of weights too large for one`() {
    // 4,194,304 elements make a block: 5,000 rows of 1,000 need two, the second one partial.
    let (tokens, outputs, inputs) = (2, 5000, 1000)
    var draw = TestValues(5)
    let weight = draw.normal(outputs * inputs)
    let outputGradient = draw.normal(tokens * outputs)
    let gradient = frozenLinearInputGradient(
      tensor(outputGradient, [tokens, outputs]), stored(weight, [outputs, inputs]))
    var expected = [Double](repeating: 0, count: tokens * inputs)
    for token in 0..<tokens {
      for row in 0..<outputs {
        let factor = outputGradient[token * outputs + row]
        for column in 0..<inputs {
          expected[token * inputs + column] += factor * weight[row * inputs + column]
        }
      }
    }
    #expect(relativeRMS(gradient.elements, expected) < 2e-6)
  }

  /// A fixed permutation without fixed points, for counts above 2.
  private func permutation(_ count: Int) -> [Int32] {
    (0..<count).map { Int32((count - 1 - $0 + count / 3) % count) }
  }
}

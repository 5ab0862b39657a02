import RealModule
import TensorCore
import TestSupport
import Testing

@testable import Operations

@Suite struct ElementwiseTests {
  /// More elements than one worker's grain, and not a multiple of the vector length.
  static let counts = [1, 17, 40_003]

  @Test(arguments: Activation.allCases)
  func `activations equal their definitions`(activation: Activation) {
    for count in Self.counts {
      var draw = TestValues(1)
      let x = draw.normal(count, scale: 3)
      let y = activated(tensor(x, [count]), activation)
      #expect(relativeRMS(y.elements, Naive.activated(x, activation)) < 5e-7)
    }
  }

  @Test(arguments: Activation.allCases)
  func `activations settle at zero and at x far from zero`(activation: Activation) {
    let y = activated(Tensor([-200, -90, 0, 90, 200], [5]), activation).elements
    #expect(abs(y[0]) < 1e-30 && abs(y[1]) < 1e-30)
    #expect(y[2] == 0)
    #expect(y[3] == 90 && y[4] == 200)
    let slopes = activationGradient(
      Tensor(repeating: 1, [5]), x: Tensor([-200, -90, 1, 90, 200], [5]), activation
    ).elements
    #expect(abs(slopes[0]) < 1e-30 && abs(slopes[1]) < 1e-30)
    #expect(slopes[3] == 1 && slopes[4] == 1)
  }

  @Test(arguments: Activation.allCases)
  func `gradients of activations equal the numerical derivatives`(activation: Activation) throws {
    for count in Self.counts {
      var draw = TestValues(2)
      let x = draw.normal(count, scale: 2)
      let outputGradient = draw.normal(count)
      let found = activationGradient(
        tensor(outputGradient, [count]), x: tensor(x, [count]), activation)
      // Coordinates do not mix, so that each is differentiated alone.
      let expected = zip(x, outputGradient).map { x, gradient in
        numericalGradient(at: [x]) { Naive.activated($0, activation)[0] * gradient }[0]
      }
      #expect(relativeRMS(found.elements, expected) < 1e-6)
    }
  }

  @Test(arguments: counts)
  func `silu(gate) ⊙ up and its gradients equal the definition`(count: Int) {
    var draw = TestValues(3)
    let gate = draw.normal(count, scale: 2)
    let up = draw.normal(count)
    let outputGradient = draw.normal(count)
    let (gates, ups) = (tensor(gate, [count]), tensor(up, [count]))
    let output = siluMultiply(gate: gates, up: ups)
    #expect(relativeRMS(output.elements, Naive.siluMultiply(gate: gate, up: up)) < 5e-7)
    let found = siluMultiplyGradients(tensor(outputGradient, [count]), gate: gates, up: ups)
    let expected = (0..<count).map { index in
      numericalGradient(at: [gate[index], up[index]]) {
        Naive.siluMultiply(gate: [$0[0]], up: [$0[1]])[0] * outputGradient[index]
      }
    }
    #expect(relativeRMS(found.gate.elements, expected.map { $0[0] }) < 1e-6)
    #expect(relativeRMS(found.up.elements, expected.map { $0[1] }) < 1e-6)
  }

  @Test func `sums, scaled sums and products equal theirs, and leave their operands alone`() {
    for count in Self.counts {
      var draw = TestValues(4)
      let a = draw.normal(count)
      let b = draw.normal(count)
      let (left, right) = (tensor(a, [count]), tensor(b, [count]))
      #expect(relativeRMS(sum(left, right).elements, zip(a, b).map(+)) < 1e-7)
      #expect(relativeRMS(product(left, right).elements, zip(a, b).map(*)) < 1e-7)
      #expect(relativeRMS(scaled(left, by: -2.5).elements, a.map { $0 * -2.5 }) < 1e-7)
      var total = left
      accumulate(right, scaledBy: 0.5, into: &total)
      #expect(relativeRMS(total.elements, zip(a, b).map { $0 + 0.5 * $1 }) < 1e-7)
      accumulate(right, into: &total)
      #expect(relativeRMS(total.elements, zip(a, b).map { $0 + 1.5 * $1 }) < 2e-7)
      #expect(left.elements == a.map(Float.init))
      #expect(right.elements == b.map(Float.init))
    }
  }

  @Test func `a tensor can be accumulated into itself`() {
    var total = Tensor([1, -2, 3], [3])
    accumulate(total, into: &total)
    #expect(total.elements == [2, -4, 6])
  }

  @Test(arguments: [1, 37])
  func `a bias is added to every row, and its gradient is the sum over the rows`(width: Int) {
    for rows in [1, 5, 200] {
      var draw = TestValues(5)
      let x = draw.normal(rows * width)
      let bias = draw.normal(width)
      var y = tensor(x, [rows, width])
      addBias(tensor(bias, [width]), to: &y)
      #expect(y.shape == [rows, width])
      #expect(relativeRMS(y.elements, x.indices.map { x[$0] + bias[$0 % width] }) < 1e-7)
      let sums = columnSums(tensor(x, [rows, width]), width: width)
      #expect(sums.shape == [width])
      let expected = (0..<width).map { column in
        stride(from: column, to: x.count, by: width).reduce(0) { $0 + x[$1] }
      }
      #expect(relativeRMS(sums.elements, expected) < 2e-6)
    }
  }
}

@Suite struct DropoutMaskTests {
  @Test func `elements are 0 at the given rate, else the factor that keeps the expectation`() {
    let count = 100_000
    for probability in [0, 0.1, 0.5, 0.9] as [Float] {
      let mask = dropoutMask(
        [count], probability: probability, generator: SeededGenerator(seed: 1, purpose: "mask"))
      let factor = 1 / (1 - probability)
      #expect(mask.elements.allSatisfy { $0 == 0 || $0 == factor })
      let dropped = Double(mask.elements.count { $0 == 0 }) / Double(count)
      let p = Double(probability)
      #expect(abs(dropped - p) <= 5 * (p * (1 - p) / Double(count)).squareRoot())
    }
  }

  @Test func `a mask is a function of its generator, which stays as it was`() {
    let generator = SeededGenerator(seed: 1, step: 3, purpose: "mask")
    let first = dropoutMask([20, 30], probability: 0.5, generator: generator)
    let again = dropoutMask([20, 30], probability: 0.5, generator: generator)
    let other = dropoutMask(
      [20, 30], probability: 0.5, generator: SeededGenerator(seed: 1, step: 4, purpose: "mask"))
    #expect(first.shape == [20, 30])
    #expect(first.elements == again.elements)
    #expect(first.elements != other.elements)
  }
}

@Suite struct EmbeddingTests {
  @Test(arguments: [1, 3, 200])
  func `rows of the table come in the order of the ids`(count: Int) {
    var draw = TestValues(6)
    let table = draw.normal(23 * 9)
    let ids = (0..<count).map { Int32($0 * 7 % 23) }
    let output = embedding(ids, table: stored(table, [23, 9]))
    #expect(output.shape == [count, 9])
    #expect(output.elements == ids.flatMap { id in (0..<9).map { Float(table[Int(id) * 9 + $0]) } })
  }

  @Test(arguments: [1, 3, 200])
  func `a row's gradient is the sum over its places, in their order`(count: Int) {
    var draw = TestValues(7)
    let gradient = draw.normal(count * 9)
    let ids = (0..<count).map { Int32($0 * 7 % 23) }
    let found = embeddingGradient(tensor(gradient, [count, 9]), ids: ids, rows: 23)
    #expect(found.shape == [23, 9])
    // Single precision too, in the same order: to the bit.
    let floats = gradient.map(Float.init)
    #expect(found.elements == Naive.embeddingGradient(floats, ids: ids, rows: 23))
    let expected = Naive.embeddingGradient(gradient, ids: ids, rows: 23)
    #expect(relativeRMS(found.elements, expected) < 1e-6)
  }

  @Test func `a permuted or unaligned table is read row by row`() {
    let table = (0..<12).map(Double.init)
    let permuted = embedding([0, 3], table: stored(table, [4, 3]).selectingRows([2, 1, 0, 3]))
    #expect(permuted.elements == [6, 7, 8, 9, 10, 11])
    let unaligned = embedding([3, 1], table: storedUnaligned(table, [4, 3]))
    #expect(unaligned.elements == [9, 10, 11, 3, 4, 5])
  }
}

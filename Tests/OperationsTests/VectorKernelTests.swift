import CVectorKernels
import RealModule
import TestSupport
import Testing

/// Calls a kernel on buffers of every length from 1 to 40: full vectors of 16, and all tails.
/// Inputs are followed by NaN and outputs by a mark, so that reading or writing past the end shows.
private struct KernelBuffers {
  static let lengths = 1...40
  static let mark: Float = 12345

  let count: Int
  var input: [Float]

  init(_ values: [Double]) {
    count = values.count
    input = values.map(Float.init) + [Float](repeating: .nan, count: 32)
  }

  /// What the kernel wrote, without the mark.
  static func output(
    _ count: Int, initial: [Double]? = nil, _ body: (UnsafeMutablePointer<Float>) -> Void,
    sourceLocation: SourceLocation = #_sourceLocation
  ) -> [Float] {
    var buffer =
      (initial ?? [Double](repeating: .nan, count: count)).map(Float.init)
      + [Float](repeating: mark, count: 32)
    buffer.withUnsafeMutableBufferPointer { body($0.baseAddress!) }
    #expect(
      buffer[count...].allSatisfy { $0 == mark }, "written past \(count)",
      sourceLocation: sourceLocation)
    return Array(buffer[..<count])
  }
}

@Suite struct ExponentialKernelTests {
  private func exponentials(_ x: [Float]) -> [Float] {
    KernelBuffers.output(x.count) { y in vk_exp(x, y, x.count) }
  }

  @Test func `the relative error over [-87, 88] is below what the header promises`() {
    let x = (0..<400_001).map { Float(-87 + Double($0) * 175 / 400_000) }
    let worst = zip(exponentials(x), x).map { found, x in
      abs(Double(found) / Double.exp(Double(x)) - 1)
    }.max()!
    #expect(worst < 1.2e-7)
  }

  @Test
  func `below the range the result is 0 or the exact value, above it infinity or the exact value`()
  {
    let low = (0..<1000).map { Float(-100 + Double($0) * 12.6 / 1000) }
    #expect(exponentials(low.filter { $0 < -87.34 }).allSatisfy { $0 == 0 })
    let high = (0..<1000).map { Float(88.73 + Double($0) * 11.27 / 1000) }
    #expect(exponentials(high).allSatisfy { $0 == .infinity })
    let between = (0..<100).map { Float(88 + Double($0) * 0.0072) }
    for (found, x) in zip(exponentials(between), between) {
      #expect(found == .infinity || abs(Double(found) / Double.exp(Double(x)) - 1) < 1.2e-7)
    }
  }

  @Test(arguments: [0, 7, 15, 16, 20])
  func `infinities and NaN pass through in every lane`(lane: Int) {
    for (special, expected) in [(-Float.infinity, 0), (.infinity, .infinity)] as [(Float, Float)] {
      var x = [Float](repeating: 0, count: 21)
      x[lane] = special
      var expectation = [Float](repeating: 1, count: 21)
      expectation[lane] = expected
      #expect(exponentials(x) == expectation)
    }
    var x = [Float](repeating: 0, count: 21)
    x[lane] = .nan
    let y = exponentials(x)
    #expect(y[lane].isNaN)
    #expect(y.count { $0 == 1 } == 20)
  }

  @Test func `exponentials and their sum are right at every length`() {
    for length in KernelBuffers.lengths {
      var draw = TestValues(UInt64(length))
      let values = draw.normal(length, scale: 2)
      let x = KernelBuffers(values).input
      let expected = values.map { Double.exp(0.5 * $0 - 0.25) }
      var sum: Float = 0
      let y = KernelBuffers.output(length) { sum = vk_exp_sum(x, $0, length, 0.5, 0.25) }
      #expect(relativeRMS(y, expected) < 2e-7)
      #expect(relativeRMS([sum], [expected.reduce(0, +)]) < 3e-7)
      let plain = KernelBuffers.output(length) { vk_exp(x, $0, length) }
      #expect(relativeRMS(plain, values.map(Double.exp)) < 2e-7)
      let inPlace = KernelBuffers.output(length, initial: values) {
        sum = vk_exp_sum($0, $0, length, 0.5, 0.25)
      }
      #expect(inPlace == y)
    }
  }

  @Test func `the sum of no exponentials is 0 and the largest of no values minus infinity`() {
    var y: Float = 3
    #expect(vk_exp_sum([1], &y, 0, 1, 0) == 0)
    #expect(y == 3)
    #expect(vk_max([1], 0) == -.infinity)
    #expect(vk_sum([1], 0) == 0)
    #expect(vk_dot([1], [1], 0) == 0)
  }
}

@Suite struct VectorKernelTests {
  @Test func `reductions are right at every length`() {
    for length in KernelBuffers.lengths {
      var draw = TestValues(UInt64(length))
      let a = draw.normal(length)
      let b = draw.normal(length)
      let (x, y) = (KernelBuffers(a).input, KernelBuffers(b).input)
      #expect(vk_max(x, length) == Float(a.max()!))
      // Against the sum of magnitudes: the sum itself may cancel.
      let magnitude = a.reduce(0) { $0 + abs($1) }
      #expect(abs(Double(vk_sum(x, length)) - a.reduce(0, +)) < 2e-7 * magnitude)
      let products = zip(a, b).map(*)
      #expect(
        abs(Double(vk_dot(x, y, length)) - products.reduce(0, +))
          < 2e-7 * products.reduce(0) { $0 + abs($1) })
      let distance = zip(a, b).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
      #expect(relativeRMS([vk_squared_distance(x, y, length)], [distance]) < 3e-7)
    }
  }

  @Test func `the largest value is found in every lane, also among negative ones`() {
    for lane in 0..<37 {
      var x = [Float](repeating: -7, count: 37)
      x[lane] = -2
      #expect(vk_max(x, 37) == -2)
    }
  }

  @Test func `elementwise kernels are right at every length`() {
    for length in KernelBuffers.lengths {
      var draw = TestValues(UInt64(length))
      let a = draw.normal(length)
      let b = draw.normal(length)
      let (x, y) = (KernelBuffers(a).input, KernelBuffers(b).input)
      let scaled = KernelBuffers.output(length) { vk_scale(x, $0, -1.5, length) }
      #expect(relativeRMS(scaled, a.map { $0 * -1.5 }) < 1e-7)
      let product = KernelBuffers.output(length) { vk_multiply(x, y, $0, length) }
      #expect(relativeRMS(product, zip(a, b).map(*)) < 1e-7)
      let total = KernelBuffers.output(length, initial: b) { vk_add_scaled($0, x, 0.3, length) }
      #expect(relativeRMS(total, zip(a, b).map { $1 + Double(Float(0.3)) * $0 }) < 1e-7)
    }
  }

  @Test func `root-mean-square normalisation is right at every length`() {
    for length in KernelBuffers.lengths {
      var draw = TestValues(UInt64(length))
      let a = draw.normal(length)
      let w = draw.normal(length)
      let (x, weight) = (KernelBuffers(a).input, KernelBuffers(w).input)
      var reciprocal: Float = 0
      let y = KernelBuffers.output(length) {
        reciprocal = vk_rms_norm(x, weight, $0, length, 0.01)
      }
      let squares = a.reduce(0) { $0 + $1 * $1 }
      let expected = 1 / (squares / Double(length) + Double(Float(0.01))).squareRoot()
      #expect(relativeRMS([reciprocal], [expected]) < 3e-7)
      #expect(relativeRMS(y, zip(a, w).map { $0 * expected * $1 }) < 4e-7)
    }
  }

  @Test func `gated and Gaussian units and their gradients are right at every length`() {
    let sigmoid = { (x: Double) in 1 / (1 + Double.exp(-x)) }
    let gelu = { (x: Double) in
      x / 2 * (1 + Double.tanh((2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x)))
    }
    for length in KernelBuffers.lengths {
      var draw = TestValues(UInt64(length))
      let g = draw.normal(length, scale: 2)
      let u = draw.normal(length)
      let d = draw.normal(length)
      let (gate, up) = (KernelBuffers(g).input, KernelBuffers(u).input)
      let gradient = KernelBuffers(d).input
      let y = KernelBuffers.output(length) { vk_silu_multiply(gate, up, $0, length) }
      #expect(relativeRMS(y, zip(g, u).map { $0 * sigmoid($0) * $1 }) < 5e-7)
      var upGradient: [Float] = []
      let gateGradient = KernelBuffers.output(length) { gateGradient in
        upGradient = KernelBuffers.output(length) {
          vk_silu_multiply_backward(gate, up, gradient, gateGradient, $0, length)
        }
      }
      #expect(relativeRMS(upGradient, zip(g, d).map { $0 * sigmoid($0) * $1 }) < 5e-7)
      let slopes = (0..<length).map { index in
        let s = sigmoid(g[index])
        return d[index] * u[index] * (s + g[index] * s * (1 - s))
      }
      #expect(relativeRMS(gateGradient, slopes) < 1e-6)

      let activated = KernelBuffers.output(length) { vk_gelu_tanh(gate, $0, length) }
      #expect(relativeRMS(activated, g.map(gelu)) < 5e-7)
      let backward = KernelBuffers.output(length) {
        vk_gelu_tanh_backward(gate, gradient, $0, length)
      }
      let expected = (0..<length).map { index in
        numericalGradient(at: [g[index]]) { gelu($0[0]) }[0] * d[index]
      }
      #expect(relativeRMS(backward, expected) < 1e-6)
    }
  }

  @Test func `a step of AdamW is right at every length`() {
    for length in KernelBuffers.lengths {
      var draw = TestValues(UInt64(length))
      let p = draw.normal(length)
      let g = draw.normal(length)
      let m = draw.normal(length)
      let v = draw.normal(length).map { Double(Float($0 * $0)) }
      let gradient = KernelBuffers(g).input
      let (rate, beta1, beta2, epsilon, decay) = (0.01, 0.9, 0.99, 1e-3, 0.1)
      let (c1, c2) = (1 - beta1 * beta1 * beta1, 1 - beta2 * beta2 * beta2)
      var first: [Float] = []
      var second: [Float] = []
      let value = KernelBuffers.output(length, initial: p) { value in
        first = KernelBuffers.output(length, initial: m) { first in
          second = KernelBuffers.output(length, initial: v) { second in
            vk_adamw(
              value, gradient, first, second, length, Float(rate), Float(beta1), Float(beta2),
              Float(epsilon), Float(decay), Float(c1), Float(c2))
          }
        }
      }
      let newFirst = zip(m, g).map { beta1 * $0 + (1 - beta1) * $1 }
      let newSecond = zip(v, g).map { beta2 * $0 + (1 - beta2) * $1 * $1 }
      #expect(relativeRMS(first, newFirst) < 5e-7)
      #expect(relativeRMS(second, newSecond) < 1e-6)
      let steps = (0..<length).map { index in
        -rate * decay * p[index] - rate * (newFirst[index] / c1)
          / ((newSecond[index] / c2).squareRoot() + epsilon)
      }
      #expect(relativeRMS(value, zip(p, steps).map(+)) < 3e-7)
      // The step alone is a hundredth of the value, so that it keeps two digits less.
      #expect(relativeRMS(zip(value, p).map { $0 - Float($1) }, steps) < 3e-5)
    }
  }

  @Test func `at least one CPU is available`() { #expect(vk_available_cpus() >= 1) }
}

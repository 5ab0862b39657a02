import TensorCore
import Testing

@Suite struct SeededGeneratorTests {
  private func draws(_ count: Int, seed: UInt64, step: Int = 0, purpose: String) -> [UInt64] {
    var generator = SeededGenerator(seed: seed, step: step, purpose: purpose)
    return (0..<count).map { _ in generator.next() }
  }

  @Test func `A stream is a function of its key, however many others were drawn from`() {
    let first = draws(20, seed: 3, step: 5, purpose: "dropout.layers.2")
    _ = draws(100, seed: 3, step: 5, purpose: "dropout.layers.3")
    #expect(draws(20, seed: 3, step: 5, purpose: "dropout.layers.2") == first)
    #expect(Array(draws(40, seed: 3, step: 5, purpose: "dropout.layers.2").prefix(20)) == first)
  }

  @Test func `A copied generator repeats what the original draws next`() {
    var generator = SeededGenerator(seed: 1, purpose: "order")
    _ = generator.next()
    var copy = generator
    #expect((0..<5).map { _ in generator.next() } == (0..<5).map { _ in copy.next() })
  }

  @Test func `Streams that differ in seed, step or purpose share no draw`() {
    var seen: Set<UInt64> = []
    var count = 0
    for seed in [0, 1, 2, UInt64.max] {
      for step in [-1, 0, 1, 2] {
        for purpose in ["", "a", "b", "ab", "ba", "aa"] {
          let values = draws(50, seed: seed, step: step, purpose: purpose)
          seen.formUnion(values)
          count += values.count
        }
      }
    }
    #expect(seen.count == count)
  }

  @Test func `The draws are those that a run of an earlier build made, so that it can be resumed`()
  {
    // From the description: SplitMix64 over a key mixed from seed, step and the purpose's bytes,
    // worked out by a few lines of Python.
    #expect(
      draws(3, seed: 0, purpose: "") == [
        0x568A_9B0B_1A2C_05EC,
        0x44E5_B8B1_47EF_718B,
        0x4585_63AB_5552_1133,
      ])
    #expect(
      draws(3, seed: 42, step: 7, purpose: "featureMap.layers.3") == [
        0x2542_F4F0_F509_8BD6,
        0x7DFD_85D2_A21C_F3EC,
        0xE5F0_B457_BAD6_290B,
      ])
    #expect(
      draws(3, seed: .max, step: -1, purpose: "é") == [
        0xD0D8_690A_E139_2CA9,
        0xA929_27D4_2879_D830,
        0x7256_772C_38E0_8EE3,
      ])
  }

  @Test func `Uniform draws lie in [0, 1) with the mean and variance of the uniform distribution`()
  {
    var generator = SeededGenerator(seed: 11, purpose: "uniform")
    let count = 100_000
    let values = (0..<count).map { _ in generator.uniform() }
    #expect(values.allSatisfy { (0..<1).contains($0) })
    let mean = values.reduce(0, +) / Double(count)
    let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(count)
    // Five standard errors: sqrt(1/12/n) of the mean, sqrt(1/180/n) of the variance.
    #expect(abs(mean - 0.5) < 5 * (1 / 12 / Double(count)).squareRoot())
    #expect(abs(variance - 1 / 12) < 5 * (1 / 180 / Double(count)).squareRoot())
  }

  @Test func `Neighbouring steps are uncorrelated`() {
    let count = 20_000
    var products = 0.0
    for step in 0..<count {
      var left = SeededGenerator(seed: 5, step: step, purpose: "x")
      var right = SeededGenerator(seed: 5, step: step + 1, purpose: "x")
      products += (left.uniform() - 0.5) * (right.uniform() - 0.5)
    }
    // The product of two centred uniform draws has the standard deviation 1/12.
    #expect(abs(products / Double(count)) < 5 / 12 / Double(count).squareRoot())
  }

  @Test func `A uniform tensor fills its range, from the generator that it advances`() {
    var generator = SeededGenerator(seed: 2, purpose: "weights")
    let first = Tensor.uniform([40, 50], in: -0.25...0.75, using: &generator)
    let second = Tensor.uniform([40, 50], in: -0.25...0.75, using: &generator)
    #expect(first.shape == [40, 50])
    #expect(first.elements != second.elements)
    #expect(first.elements.allSatisfy { (-0.25...0.75).contains($0) })
    #expect(first.elements.min()! < -0.245)
    #expect(first.elements.max()! > 0.745)
    var again = SeededGenerator(seed: 2, purpose: "weights")
    #expect(Tensor.uniform([40, 50], in: -0.25...0.75, using: &again).elements == first.elements)
  }
}

import Foundation
import RealModule
import TensorCore
import TestSupport
import Testing

@testable import Operations

@Suite struct RotaryEmbeddingTests {
  static let scalings: [RotaryEmbedding.Scaling] = [
    .none, .linear(factor: 4),
    .llama3(factor: 8, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalContext: 64),
  ]

  @Test(arguments: [10_000, 5e5])
  func `frequencies are theta^(-2i/rotaryDim), to the digits of a float`(theta: Double) {
    let rotary = RotaryEmbedding(rotaryDim: 128, theta: theta)
    #expect(rotary.frequencies.count == 64)
    for (pair, frequency) in rotary.frequencies.enumerated() {
      let expected = Double.pow(theta, -2 * Double(pair) / 128)
      #expect(abs(frequency / expected - 1) < 2e-7, "pair \(pair)")
    }
  }

  @Test func `linear scaling divides every frequency by its factor`() {
    let plain = RotaryEmbedding(rotaryDim: 64, theta: 10_000).frequencies
    let scaled = RotaryEmbedding(rotaryDim: 64, theta: 10_000, scaling: .linear(factor: 2.5))
    #expect(scaled.frequencies == plain.map { $0 / 2.5 })
  }

  @Test func `Llama 3's scaling keeps short waves, stretches long ones and blends between`() {
    // Llama 3.1: 8,192 tokens of pretraining, factors 1 and 4, stretched 8 times.
    let rotary = RotaryEmbedding(
      rotaryDim: 128, theta: 500_000,
      scaling: .llama3(
        factor: 8, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalContext: 8192))
    var kept = 0
    var blended = 0
    var stretched = 0
    for (pair, found) in rotary.frequencies.enumerated() {
      let plain = Double.pow(500_000, -2 * Double(pair) / 128)
      let turns = 8192 * plain / (2 * .pi)
      let expected: Double
      if turns > 4 {
        expected = plain
        kept += 1
      } else if turns < 1 {
        expected = plain / 8
        stretched += 1
      } else {
        let share = (turns - 1) / 3
        expected = share * plain + (1 - share) * plain / 8
        blended += 1
      }
      #expect(abs(found / expected - 1) < 4e-7, "pair \(pair)")
    }
    #expect(kept > 20 && blended > 3 && stretched > 20)
  }

  @Test(arguments: scalings)
  func `rotation equals the definition and leaves the rest of a head alone`(
    scaling: RotaryEmbedding.Scaling
  ) {
    for rotaryDim in [0, 6, 10] {
      let rotary = RotaryEmbedding(rotaryDim: rotaryDim, theta: 10_000, scaling: scaling)
      // Documents restart positions; more tokens than one worker takes.
      let positions = Array(0..<70) + [0, 1, 2, 5, 5, 0]
      var draw = TestValues(1)
      let x = draw.normal(positions.count * 30)
      var rotated = tensor(x, [positions.count, 30])
      rotary.rotate(&rotated, headDim: 10, positions: positions.map(Int32.init))
      let expected = Naive.rotate(
        x, headDim: 10, positions: positions, frequencies: rotary.frequencies)
      // An angle near 70 is held to 4e-6 by a float.
      #expect(relativeRMS(rotated.elements, expected) < 2e-6)
      if rotaryDim < 10 {
        let elements = rotated.elements
        for index in x.indices where index % 10 >= rotaryDim {
          if elements[index] != Float(x[index]) { Issue.record("index \(index) changed") }
        }
      }
    }
  }

  @Test func `the angle at a long position is what transformers takes, computed in floats`() {
    let rotary = RotaryEmbedding(rotaryDim: 8, theta: 10_000)
    for position in [4095, 131_071] as [Int32] {
      var rotated = Tensor([1, 1, 1, 1, 0, 0, 0, 0], [1, 8])
      rotary.rotate(&rotated, headDim: 8, positions: [position])
      let elements = rotated.elements
      for pair in 0..<4 {
        let angle = Float(position) * Float(rotary.frequencies[pair])
        #expect(abs(elements[pair] - Float(Double.cos(Double(angle)))) < 1e-6)
        #expect(abs(elements[pair + 4] - Float(Double.sin(Double(angle)))) < 1e-6)
      }
    }
  }

  @Test(arguments: scalings)
  func `the inverse undoes the rotation`(scaling: RotaryEmbedding.Scaling) {
    let rotary = RotaryEmbedding(rotaryDim: 8, theta: 10_000, scaling: scaling)
    let positions = (0..<100).map { Int32($0 * 41) }
    var draw = TestValues(2)
    let x = draw.normal(100 * 24)
    var rotated = tensor(x, [100, 24])
    rotary.rotate(&rotated, headDim: 12, positions: positions)
    #expect(relativeRMS(rotated.elements, x) > 0.1)
    rotary.rotate(&rotated, headDim: 12, positions: positions, inverse: true)
    #expect(relativeRMS(rotated.elements, x) < 3e-7)
  }

  @Test func `the inverse of an output's gradient is the numerical derivative for the input`()
    throws
  {
    let rotary = RotaryEmbedding(rotaryDim: 6, theta: 100)
    let positions = Array(3..<13)
    var draw = TestValues(3)
    let x = draw.normal(10 * 16)
    let outputGradient = draw.normal(10 * 16)
    var gradient = tensor(outputGradient, [10, 16])
    rotary.rotate(&gradient, headDim: 8, positions: positions.map(Int32.init), inverse: true)
    try expectGradient(gradient, at: x, within: 1e-6) {
      dot(
        Naive.rotate($0, headDim: 8, positions: positions, frequencies: rotary.frequencies),
        outputGradient)
    }
  }

  @Test func `the length of a sequence chooses its frequencies, whatever is packed beside it`()
    throws
  {
    let (short, long) = ([1.0, 1.1, 1.5], [1.5, 4, 9])
    let rotary = RotaryEmbedding(
      rotaryDim: 6, theta: 10_000,
      scaling: .longRope(short: short, long: long, originalContext: 16, amplitude: 1.25))
    let frequencies = { (factors: [Double]) in
      factors.enumerated().map { 1 / ($1 * Double.pow(10_000, Double(2 * $0) / 6)) }
    }
    #expect(
      relativeRMS(rotary.frequencies.map { Float($0) }, frequencies(short)) < 1e-7)
    #expect(
      relativeRMS(try #require(rotary.longFrequencies).map { Float($0) }, frequencies(long)) < 1e-7)
    // As long as the original context, longer, and one that is known to go on.
    let layout = SequenceLayout(
      rows: 42,
      segments: [
        .init(start: 0, count: 16), .init(start: 17, count: 17),
        .init(start: 36, count: 5, firstPosition: 3, context: 20),
      ])
    #expect(layout.segments.map(\.context) == [16, 17, 20])
    var draw = TestValues(4)
    let x = draw.normal(42 * 8)
    var rotated = tensor(x, [42, 8])
    rotary.rotate(&rotated, headDim: 8, layout: layout)
    let outputGradient = draw.normal(42 * 8)
    var gradient = tensor(outputGradient, [42, 8])
    rotary.rotate(&gradient, headDim: 8, layout: layout, inverse: true)
    for (segment, factors) in zip(layout.segments, [short, long, long]) {
      let range = segment.start * 8..<segment.rows.upperBound * 8
      let expected = { (x: [Double]) in
        Naive.rotate(
          x, headDim: 8, positions: (0..<segment.count).map { segment.firstPosition + $0 },
          frequencies: frequencies(factors), amplitude: 1.25)
      }
      #expect(
        relativeRMS(Array(rotated.elements[range]), expected(Array(x[range]))) < 2e-6)
      try expectGradient(
        Tensor(Array(gradient.elements[range]), [segment.count, 8]), at: Array(x[range]),
        within: 2e-6
      ) { dot(expected($0), Array(outputGradient[range])) }
    }
  }
}

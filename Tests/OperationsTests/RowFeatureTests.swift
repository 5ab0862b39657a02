import RealModule
import TensorCore
import TestSupport
import Testing

@testable import Operations

/// A map and its definition.
struct RowFeatureCase: Sendable, CustomTestStringConvertible {
  let testDescription: String
  let map: any RowFeatures
  let naive: @Sendable (_ u: [Double], _ position: Double) -> [Double]

  static let all: [RowFeatureCase] =
    [0.5, 2].map { (t: Float) in
      RowFeatureCase(
        testDescription: "exp of \(t) u", map: ScaledExponentialFeatures(temperature: t)
      ) { u, _ in Naive.scaledExponentialFeatures(u, temperature: Double(t)) }
    }
    + [37, 4096].map { length in
      RowFeatureCase(
        testDescription: "cosine of \(length)", map: CosineFeatures(maximumLength: length)
      ) { Naive.cosineFeatures($0, position: $1, maximumLength: Double(length)) }
    }
    + [0.25, 1].map { (scale: Float) in
      RowFeatureCase(testDescription: "Taylor of scale \(scale)", map: TaylorFeatures(scale: scale))
      { u, _ in Naive.taylorFeatures(u, scale: Double(scale)) }
    }
    + [1, 3, 9].map { distances in
      RowFeatureCase(
        testDescription: "DPFP of \(distances)", map: RolledProductFeatures(distances: distances)
      ) { u, _ in Naive.rolledProductFeatures(u, distances: distances) }
    }
}

@Suite struct RowFeatureTests {
  @Test(arguments: RowFeatureCase.all, [1, 6, 21])
  func `every map and its gradient equal the definition`(testCase: RowFeatureCase, dim: Int) throws
  {
    let (tokens, heads) = (37, 3)
    var draw = TestValues(6)
    let u = draw.normal(tokens * heads * dim, scale: 1.5)
    let positions = (0..<tokens).map { Int32($0 * 7 % 37) }
    let naive = { (u: [Double]) in
      (0..<tokens * heads).flatMap { row in
        testCase.naive(Array(u[row * dim..<(row + 1) * dim]), Double(positions[row / heads]))
      }
    }
    try check(testCase.map, u, naive, dim: dim, positions: positions, width: heads * dim)
  }

  private func check(
    _ map: some RowFeatures, _ u: [Double], _ naive: ([Double]) -> [Double], dim: Int,
    positions: [Int32], width: Int
  ) throws {
    let input = tensor(u, [positions.count, width])
    let features = rowFeatures(input, map, dim: dim, positions: positions)
    #expect(features.shape == [positions.count, width / dim * map.featureDim(of: dim)])
    let expected = naive(u)
    #expect(relativeRMS(features.elements, expected) < 1e-6)
    var draw = TestValues(7)
    let outputGradient = draw.normal(expected.count)
    let gradient = rowFeaturesGradient(
      tensor(outputGradient, features.shape), u: input, map, dim: dim, positions: positions)
    try expectGradient(gradient, at: u, within: 2e-6, coordinates: 60) {
      dot(naive($0), outputGradient)
    }
  }

  @Test func `products of Taylor features are 1 + s + s²/2`() {
    var draw = TestValues(8)
    let (q, k) = (draw.normal(9), draw.normal(9))
    let features = [q, k].map {
      rowFeatures(tensor($0, [1, 9]), TaylorFeatures(scale: 0.3), dim: 9, positions: [0]).elements
    }
    let product = zip(features[0], features[1]).reduce(0) { $0 + Double($1.0 * $1.1) }
    let s = 0.3 * dot(q, k)
    #expect(abs(product - (1 + s + s * s / 2)) < 1e-5)
  }

  @Test
  func `products of cosine features depend on the distance, and are positive within the length`() {
    let map = CosineFeatures(maximumLength: 64)
    let features = rowFeatures(
      tensor([Double](repeating: 1, count: 64), [64, 1]), map, dim: 1,
      positions: (0..<64).map(Int32.init)
    ).elements
    let product = { (i: Int, j: Int) in
      features[2 * i] * features[2 * j] + features[2 * i + 1] * features[2 * j + 1]
    }
    #expect(abs(product(10, 3) - product(50, 43)) < 1e-6)
    #expect(abs(Double(product(40, 8)) - .cos(.pi / 4)) < 1e-6)
    #expect(product(63, 0) > 0)
    #expect(product(63, 0) < product(63, 1))
  }

  @Test func `an exponential of any coordinate is finite, and passes no gradient where it is cut`()
    throws
  {
    let map = ScaledExponentialFeatures(temperature: 2)
    let u = tensor([300, -300, 17.5, 16.5], [1, 4])
    let features = rowFeatures(u, map, dim: 4, positions: [0])
    #expect(features.elements[0] == Float(Double.exp(34)))
    #expect(features.elements[2] == features.elements[0])
    #expect(features.elements[3] < features.elements[0])
    let gradient = rowFeaturesGradient(
      tensor([1, 1, 1, 1], [1, 4]), u: u, map, dim: 4, positions: [0]
    ).elements
    #expect(gradient[0] == 0 && gradient[2] == 0)
    #expect(gradient[3] == 2 * features.elements[3])
    // 128 coordinates of a million keys.
    #expect((features.elements[0] * features.elements[0] * 128 * 1e6).isFinite)
  }
}

@Suite struct RandomFeatureTests {
  private func draw(_ count: Int, _ dim: Int, seed: UInt64 = 1) -> Tensor {
    var generator = SeededGenerator(seed: seed, purpose: "test")
    return RandomFeatures.drawDirections(count: count, dim: dim, using: &generator)
  }

  @Test(arguments: [true, false], [1, 6, 17])
  func `features and gradients equal the definition`(ofQueries: Bool, count: Int) throws {
    let (tokens, heads, dim) = (37, 3, 6)
    let map = RandomFeatures(directions: draw(count, dim), scale: 0.4, epsilon: 1e-3)
    let directions = map.directions.elements.map(Double.init)
    let naive = { (u: [Double]) in
      (0..<tokens * heads).flatMap { row in
        Naive.randomFeatures(
          Array(u[row * dim..<(row + 1) * dim]), directions: directions, scale: 0.4,
          epsilon: 1e-3, keyShift: Double(map.keyShift), ofQueries: ofQueries)
      }
    }
    var draw = TestValues(9)
    let u = draw.normal(tokens * heads * dim, scale: 1.5)
    let input = tensor(u, [tokens, heads * dim])
    let features = randomFeatures(input, map, ofQueries: ofQueries)
    #expect(features.shape == [tokens, heads * count])
    let expected = naive(u)
    #expect(relativeRMS(features.elements, expected) < 1e-6)
    let outputGradient = draw.normal(expected.count)
    let gradient = randomFeaturesGradient(
      tensor(outputGradient, features.shape), u: input, map, ofQueries: ofQueries)
    if ofQueries, count == 1 {
      // The only exponent is the largest one.
      #expect(gradient.elements.allSatisfy { abs($0) < 1e-6 })
    } else {
      try expectGradient(gradient, at: u, within: 3e-6, coordinates: 60) {
        dot(naive($0), outputGradient)
      }
    }
  }

  @Test(arguments: [5, 8, 20])
  func `directions of a block are orthogonal, and as long as normal draws are`(count: Int) {
    let dim = 8
    let rows = draw(count, dim).elements.map(Double.init)
    let row = { (index: Int) in Array(rows[index * dim..<(index + 1) * dim]) }
    for first in stride(from: 0, to: count, by: dim) {
      let block = first..<min(count, first + dim)
      for i in block {
        for j in block where j != i { #expect(abs(dot(row(i), row(j))) < 1e-5) }
      }
    }
    let squares = draw(4000, dim).elements.reduce(0) { $0 + Double($1 * $1) } / 4000
    #expect(abs(squares - 8) < 0.3)
  }

  @Test func `many features estimate the exponential of the product`() {
    let (dim, count) = (8, 8192)
    let map = RandomFeatures(directions: draw(count, dim), scale: 0.1, epsilon: 0)
    var values = TestValues(10)
    let key = values.normal(dim)
    let queries = (0..<6).map { _ in values.normal(dim) }
    let keyFeatures = randomFeatures(tensor(key, [1, dim]), map, ofQueries: false).elements
      .map(Double.init)
    for query in queries {
      let features = randomFeatures(tensor(query, [1, dim]), map, ofQueries: true).elements
      // The query's own shift, which attention divides out.
      let x = query.map { $0 * 0.1.squareRoot() }
      let largest = stride(from: 0, to: count * dim, by: dim).map { start in
        zip(map.directions.elements[start..<start + dim], x).reduce(0) { $0 + Double($1.0) * $1.1 }
      }.max()!
      let product = zip(features, keyFeatures).reduce(0) { $0 + Double($1.0) * $1.1 }
      let estimate = product * .exp(largest - dot(x, x) / 2)
      #expect(abs(estimate / .exp(0.1 * dot(query, key)) - 1) < 0.1)
    }
  }

  @Test func `keys along the longest direction of wide heads do not overflow`() {
    let directions = draw(300, 256)
    let map = RandomFeatures(directions: directions, scale: 1, epsilon: 1e-6)
    #expect(map.keyShift > 0)
    #expect(RandomFeatures(directions: draw(266, 64), scale: 1, epsilon: 0).keyShift == 0)
    let features = randomFeatures(directions, map, ofQueries: false)
    #expect(features.elements.allSatisfy { $0.isFinite })
    #expect(Double(features.elements.max()!) < .exp(60.5))
  }

  @Test func `another seed draws other directions, the same seed the same`() {
    #expect(draw(20, 6).elements == draw(20, 6).elements)
    #expect(draw(20, 6).elements != draw(20, 6, seed: 2).elements)
  }
}

@Suite struct RepeatedHeadTests {
  @Test func `heads are repeated for the query heads that share them, gradients summed`() {
    let shape = AttentionShape(queryHeads: 4, keyValueHeads: 2, headDim: 3)
    let x = tensor((0..<12).map(Double.init), [2, 6])
    let repeated = repeatedOverGroups(x, shape)
    #expect(repeated.shape == [2, 12])
    #expect(
      repeated.elements == [
        0, 1, 2, 0, 1, 2, 3, 4, 5, 3, 4, 5, 6, 7, 8, 6, 7, 8, 9, 10, 11, 9, 10, 11,
      ])
    let gradient = repeatedOverGroupsGradient(repeated, shape)
    #expect(gradient.elements == (0..<12).map { 2 * Float($0) })
  }
}

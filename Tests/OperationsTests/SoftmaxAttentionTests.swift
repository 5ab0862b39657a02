import RealModule
import TensorCore
import TestSupport
import Testing

@testable import Operations

struct SoftmaxCase: Sendable, CustomTestStringConvertible {
  let window: Int?
  let segments: [Int]
  var isCausal = true
  var softCap: Float?
  var testDescription: String {
    "\(isCausal ? "causal" : "bidirectional"), window \(window.map(String.init) ?? "none"), \(segments)"
      + (softCap.map { ", cap \($0)" } ?? "")
  }

  /// Padding of two rows before the first segment, one after each, and three at the end.
  var layout: SequenceLayout {
    var start = 2
    var result: [SequenceLayout.Segment] = []
    for count in segments {
      result.append(.init(start: start, count: count))
      start += count + 1
    }
    return SequenceLayout(rows: start + 3, segments: result)
  }

  private static let lengths = [[1], [63], [64], [65], [200], [3, 70, 1]]
  static let causal =
    [nil, 5, 64].flatMap { window in
      lengths.map { SoftmaxCase(window: window, segments: $0) }
    } + [nil, 5].map { SoftmaxCase(window: $0, segments: [3, 70, 1], softCap: 1.25) }
  static let bidirectional =
    lengths.map { SoftmaxCase(window: nil, segments: $0, isCausal: false) }
    + [SoftmaxCase(window: nil, segments: [65, 3], isCausal: false, softCap: 1.25)]
  static let all = causal + bidirectional
}

/// 4 query heads over 2 key heads of 6 coordinates.
struct SoftmaxFixture {
  static let shape = AttentionShape(queryHeads: 4, keyValueHeads: 2, headDim: 6)
  let shape: AttentionShape
  let layout: SequenceLayout
  let window: Int?
  var queries, keys, values: [Double]

  init(_ testCase: SoftmaxCase) {
    shape = AttentionShape(
      queryHeads: 4, keyValueHeads: 2, headDim: 6, softCap: testCase.softCap,
      isCausal: testCase.isCausal)
    layout = testCase.layout
    window = testCase.window
    var draw = TestValues(7)
    queries = draw.normal(layout.rows * 24)
    keys = draw.normal(layout.rows * 12)
    values = draw.normal(layout.rows * 12)
  }

  func naive() -> (output: [Double], weights: [[Double]]) {
    var output = [Double](repeating: 0, count: layout.rows * 24)
    var weights: [[Double]] = []
    for segment in layout.segments {
      for head in 0..<4 {
        let result = Naive.softmaxAttention(
          queries: slice(queries, rows: segment.rows, width: 6, heads: 4, head: head),
          keys: slice(keys, rows: segment.rows, width: 6, heads: 2, head: head / 2),
          values: slice(values, rows: segment.rows, width: 6, heads: 2, head: head / 2),
          headDim: 6, scale: Double(shape.scale), window: window,
          cap: shape.softCap.map { Double($0) }, isCausal: shape.isCausal)
        weights.append(result.weights)
        for (row, index) in segment.rows.enumerated() {
          for column in 0..<6 {
            output[index * 24 + head * 6 + column] = result.output[row * 6 + column]
          }
        }
      }
    }
    return (output, weights)
  }

  /// Operands whose padding is NaN: whatever reads it shows.
  func operands() -> (queries: Tensor, keys: Tensor, values: Tensor) {
    (
      tensor(poisoned(queries, layout, width: 24), [layout.rows, 24]),
      tensor(poisoned(keys, layout, width: 12), [layout.rows, 12]),
      tensor(poisoned(values, layout, width: 12), [layout.rows, 12])
    )
  }

  func fast() -> (output: Tensor, logNormalizers: Tensor) {
    let (queries, keys, values) = operands()
    return softmaxAttention(
      queries: queries, keys: keys, values: values, shape: shape, layout: layout,
      window: window)
  }

  func isPadding(_ row: Int) -> Bool { layout.padding.contains { $0.contains(row) } }
}

@Suite struct SoftmaxAttentionTests {
  @Test(arguments: SoftmaxCase.all)
  func `the tiled form equals the definition, and padding is neither read nor left unwritten`(
    testCase: SoftmaxCase
  ) {
    let fixture = SoftmaxFixture(testCase)
    let (output, logNormalizers) = fixture.fast()
    #expect(relativeRMS(output.elements, fixture.naive().output) < 1e-6)
    let elements = output.elements
    for row in 0..<fixture.layout.rows where fixture.isPadding(row) {
      #expect(elements[row * 24..<(row + 1) * 24].allSatisfy { $0 == 0 })
      #expect(logNormalizers.elements[row * 4..<(row + 1) * 4].allSatisfy { $0 == 0 })
    }
  }

  @Test(arguments: SoftmaxCase.all)
  func `the kept normalisers are the logarithms of the rows' sums`(testCase: SoftmaxCase) {
    let fixture = SoftmaxFixture(testCase)
    let found = fixture.fast().logNormalizers.elements
    var values: [Float] = []
    var expected: [Double] = []
    for segment in fixture.layout.segments {
      for row in [0, segment.count / 2, segment.count - 1] {
        let query = segment.start + row
        for head in 0..<4 {
          let first = testCase.window.map { max(0, row - $0 + 1) } ?? 0
          let last = testCase.isCausal ? query : segment.rows.upperBound - 1
          let total = (segment.start + first...last).reduce(0) { total, key in
            let product = (0..<6).reduce(0) {
              $0 + fixture.queries[query * 24 + head * 6 + $1]
                * fixture.keys[key * 12 + head / 2 * 6 + $1]
            }
            return total
              + Double.exp(
                Naive.transformed(
                  product, scale: Double(SoftmaxFixture.shape.scale),
                  cap: testCase.softCap.map { Double($0) }))
          }
          values.append(found[query * 4 + head])
          expected.append(Double.log(total))
        }
      }
    }
    #expect(relativeRMS(values, expected, floor: 1e-3) < 1e-6)
  }

  @Test(arguments: SoftmaxCase.all)
  func `every gradient equals the numerical derivative`(testCase: SoftmaxCase) throws {
    let fixture = SoftmaxFixture(testCase)
    let layout = fixture.layout
    var draw = TestValues(11)
    let outputGradient = poisoned(draw.normal(layout.rows * 24), layout, width: 24)
    let (queries, keys, values) = fixture.operands()
    let (output, logNormalizers) = fixture.fast()
    let found = softmaxAttentionGradients(
      tensor(outputGradient, [layout.rows, 24]), queries: queries, keys: keys, values: values,
      output: output, logNormalizers: logNormalizers, shape: fixture.shape, layout: layout,
      window: testCase.window)
    let clean = outputGradient.map { $0.isNaN ? 0 : $0 }
    // Long sequences are quadratically slow to differentiate; fewer coordinates do for them.
    let coordinates = testCase.segments == [200] ? 6 : 16
    let check = { (path: WritableKeyPath<SoftmaxFixture, [Double]>, gradient: Tensor) in
      try expectGradient(
        gradient, at: fixture[keyPath: path], within: 5e-6, coordinates: coordinates, floor: 1e-3
      ) { point in
        var moved = fixture
        moved[keyPath: path] = point
        return dot(moved.naive().output, clean)
      }
    }
    try check(\.values, found.values)
    try check(\.queries, found.queries)
    try check(\.keys, found.keys)
    for row in 0..<layout.rows where fixture.isPadding(row) {
      #expect(found.queries.elements[row * 24..<(row + 1) * 24].allSatisfy { $0 == 0 })
      #expect(found.keys.elements[row * 12..<(row + 1) * 12].allSatisfy { $0 == 0 })
      #expect(found.values.elements[row * 12..<(row + 1) * 12].allSatisfy { $0 == 0 })
    }
  }

  @Test(arguments: SoftmaxCase.all)
  func `the weights of a segment equal the definition`(testCase: SoftmaxCase) {
    let fixture = SoftmaxFixture(testCase)
    let (queries, keys, _) = fixture.operands()
    let expected = fixture.naive().weights
    for (index, segment) in fixture.layout.segments.enumerated() {
      let found = softmaxAttentionWeights(
        queries: queries, keys: keys, shape: fixture.shape, segment: segment,
        window: testCase.window)
      #expect(found.shape == [4, segment.count, segment.count])
      #expect(
        relativeRMS(found.elements, expected[index * 4..<index * 4 + 4].flatMap { $0 }) < 1e-6)
    }
  }

  @Test(arguments: SoftmaxCase.causal)
  func `a token's output does not change when later tokens do`(testCase: SoftmaxCase) {
    let fixture = SoftmaxFixture(testCase)
    let last = fixture.layout.segments.last!.rows.upperBound - 1
    var changed = fixture
    for column in 0..<24 { changed.queries[last * 24 + column] += 1 }
    for column in 0..<12 {
      changed.keys[last * 12 + column] += 1
      changed.values[last * 12 + column] -= 2
    }
    let before = fixture.fast().output.elements
    let after = changed.fast().output.elements
    #expect(before[..<(last * 24)] == after[..<(last * 24)])
    #expect(before[(last * 24)..<(last * 24 + 24)] != after[(last * 24)..<(last * 24 + 24)])
  }

  @Test(arguments: SoftmaxCase.bidirectional)
  func `without a direction, reversed rows give the reversed outputs`(testCase: SoftmaxCase) {
    let fixture = SoftmaxFixture(testCase)
    var reversed = fixture
    for segment in fixture.layout.segments {
      for (row, mirror) in zip(segment.rows, segment.rows.reversed()) {
        for column in 0..<24 {
          reversed.queries[row * 24 + column] = fixture.queries[mirror * 24 + column]
        }
        for column in 0..<12 {
          reversed.keys[row * 12 + column] = fixture.keys[mirror * 12 + column]
          reversed.values[row * 12 + column] = fixture.values[mirror * 12 + column]
        }
      }
    }
    let forward = fixture.fast().output.elements
    let backward = reversed.fast().output.elements
    for segment in fixture.layout.segments {
      for (row, mirror) in zip(segment.rows, segment.rows.reversed()) {
        #expect(
          relativeRMS(
            Array(backward[row * 24..<(row + 1) * 24]),
            forward[mirror * 24..<(mirror + 1) * 24].map(Double.init)) < 1e-6)
      }
    }
  }

  @Test
  func `a scale that is given takes the place of 1/sqrt(headDim), and large products are exact`() {
    // Products in the hundreds would overflow a float's exponential that is not shifted.
    let shape = AttentionShape(queryHeads: 1, keyValueHeads: 1, headDim: 4, scale: 2)
    #expect(AttentionShape(queryHeads: 1, keyValueHeads: 1, headDim: 4).scale == 0.5)
    var draw = TestValues(12)
    let queries = draw.normal(70 * 4, scale: 5)
    let keys = draw.normal(70 * 4, scale: 5)
    let values = draw.normal(70 * 4)
    let output = softmaxAttention(
      queries: tensor(queries, [70, 4]), keys: tensor(keys, [70, 4]),
      values: tensor(values, [70, 4]), shape: shape, layout: SequenceLayout(length: 70)
    ).output
    let expected = Naive.softmaxAttention(
      queries: queries, keys: keys, values: values, headDim: 4, scale: 2
    ).output
    // A product of 400 is held to 3e-5 by a float, and that error is exponentiated.
    #expect(relativeRMS(output.elements, expected) < 1e-4)
  }

  @Test(arguments: [nil, 5, 64], [nil, 1.25])
  func `tokens continued from cached keys get what the whole sequence would have given them`(
    window: Int?, softCap: Float?
  ) {
    let shape = AttentionShape(queryHeads: 4, keyValueHeads: 2, headDim: 6, softCap: softCap)
    var draw = TestValues(13)
    let rows = 200
    let queries = tensor(draw.normal(rows * 24), [rows, 24])
    let keys = tensor(draw.normal(rows * 12), [rows, 12])
    let values = tensor(draw.normal(rows * 12), [rows, 12])
    let whole = softmaxAttention(
      queries: queries, keys: keys, values: values, shape: shape,
      layout: SequenceLayout(length: rows), window: window
    ).output.elements
    for (cached, tokens) in [(1, 1), (64, 64), (65, 1), (200, 200), (200, 130), (130, 7)] {
      let (past, recent) = (0..<cached - tokens, cached - tokens..<cached)
      var memory = shape.makeMemory()
      memory[rows: "keys"].append(copiedRows(keys, past))
      memory[rows: "values"].append(copiedRows(values, past))
      let output = continuedSoftmaxAttention(
        queries: copiedRows(queries, recent), keys: copiedRows(keys, recent),
        values: copiedRows(values, recent), shape: shape, window: window, memory: &memory)
      #expect(
        relativeRMS(
          output.elements, whole[(cached - tokens) * 24..<cached * 24].map(Double.init)) < 5e-7)
    }
  }
}

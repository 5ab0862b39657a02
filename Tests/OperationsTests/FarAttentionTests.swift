import RealModule
import TensorCore
import TestSupport
import Testing

@testable import Operations

@Suite struct FarAttentionTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let keys: BranchKeys
    let segments: [Int]
    var window: Int?
    var isCausal = true
    /// Features of some rows are 0, so that products are.
    var isRectified = false

    var testDescription: String {
      "\(keys), \(segments), teacher \(window ?? 0), causal \(isCausal), rectified \(isRectified)"
    }

    /// Lengths on either side of tiles of 64 queries and 256 keys.
    static let all: [Case] = [
      Case(keys: .older(.sliding(5), sinks: 0), segments: [1]),
      Case(keys: .older(.sliding(5), sinks: 3), segments: [4, 70]),
      Case(keys: .older(.terrace(4), sinks: 0), segments: [3, 65], isRectified: true),
      Case(keys: .older(.terrace(64), sinks: 4), segments: [330]),
      Case(keys: .older(.sliding(20), sinks: 3), segments: [330], window: 290, isRectified: true),
      Case(keys: .older(.sliding(40), sinks: 3), segments: [90], window: 12),
      Case(keys: .all, segments: [64, 65]),
      Case(keys: .all, segments: [257], window: 30),
      Case(keys: .all, segments: [3, 70], isCausal: false),
    ]
  }

  private struct Fixture {
    let testCase: Case
    let layout: SequenceLayout
    let attention: AttentionShape
    var queries, keys, queryFeatures, keyFeatures, logits: [Double]

    init(_ testCase: Case) {
      self.testCase = testCase
      let hybrid = HybridOperandsFixture(
        HybridCase(
          window: .none, sinks: 0, isAffine: false, segments: testCase.segments,
          isCausal: testCase.isCausal))
      layout = hybrid.layout
      attention = hybrid.shape.attention
      (queries, keys) = (hybrid.queries, hybrid.keys)
      (queryFeatures, keyFeatures) = (hybrid.queryFeatures, hybrid.keyFeatures)
      var draw = TestValues(31)
      logits = draw.normal(layout.rows * 4).map { Double(Float($0 - 1)) }
      guard testCase.isRectified else { return }
      for row in 0..<layout.rows where row % 7 == 3 {
        for column in 0..<20 where column % 5 != 1 { queryFeatures[row * 20 + column] = 0 }
      }
      for row in 0..<layout.rows where row % 7 == 5 {
        for column in 0..<20 where column % 5 == 1 { keyFeatures[row * 20 + column] = 0 }
      }
    }

    /// Means over heads and rows, and `m`, `[tokens, heads]`.
    func naive() -> (rows: Double, masses: Double, shares: [Double]) {
      var (rows, masses) = (0.0, 0.0)
      var shares = [Double](repeating: 0, count: layout.rows * 4)
      for segment in layout.segments {
        for head in 0..<4 {
          let phiQ = slice(queryFeatures, rows: segment.rows, width: 5, heads: 4, head: head)
          let phiK = slice(keyFeatures, rows: segment.rows, width: 5, heads: 4, head: head)
          var products: [Double] = []
          for query in 0..<segment.count {
            for key in 0..<segment.count {
              products.append(
                (0..<5).reduce(0.0) { $0 + phiQ[query * 5 + $1] * phiK[key * 5 + $1] })
            }
          }
          let found = Naive.farAttention(
            queries: slice(queries, rows: segment.rows, width: 6, heads: 4, head: head),
            keys: slice(keys, rows: segment.rows, width: 6, heads: 2, head: head / 2),
            products: products, logits: segment.rows.map { logits[$0 * 4 + head] }, headDim: 6,
            scale: Double(attention.scale), far: testCase.keys, window: testCase.window,
            isCausal: testCase.isCausal)
          rows += found.rowLoss
          masses += found.massLoss
          for (row, mass) in zip(segment.rows, found.masses) { shares[row * 4 + head] = mass }
        }
      }
      let count = Double(4 * layout.segments.reduce(0) { $0 + $1.count })
      return (rows / count, masses / count, shares)
    }

    var far: FarAttention {
      FarAttention(
        queries: tensor(queries, [layout.rows, 24]), keys: tensor(keys, [layout.rows, 12]),
        attention: attention, far: testCase.keys, layout: layout, window: testCase.window)
    }

    func rowLoss(weight: Float) -> (value: Double, gradients: FarRowGradients?) {
      farRowCrossEntropy(
        queries: tensor(queries, [layout.rows, 24]), keys: tensor(keys, [layout.rows, 12]),
        queryFeatures: tensor(queryFeatures, [layout.rows, 20]),
        keyFeatures: tensor(keyFeatures, [layout.rows, 20]), far: far, weight: weight)
    }

    var poisonedPadding: Fixture {
      var copy = self
      copy.queries = poisoned(queries, layout, width: 24)
      copy.keys = poisoned(keys, layout, width: 12)
      copy.queryFeatures = poisoned(queryFeatures, layout, width: 20)
      copy.keyFeatures = poisoned(keyFeatures, layout, width: 20)
      return copy
    }
  }

  @Test(arguments: Case.all)
  func `far masses, and both losses, are those of the definition`(testCase: Case) {
    let fixture = Fixture(testCase)
    let expected = fixture.naive()
    #expect(relativeRMS(fixture.far.masses.elements, expected.shares, floor: 1e-3) < 2e-6)
    let row = fixture.rowLoss(weight: 0)
    #expect(row.gradients == nil)
    #expect(relativeRMS([Float(row.value)], [expected.rows], floor: 1e-2) < 5e-6)
    if testCase.keys == .all { return }
    let mass = farMassCrossEntropy(
      tensor(fixture.logits, [fixture.layout.rows, 4]), far: fixture.far, weight: 1)
    #expect(relativeRMS([Float(mass.value)], [expected.masses], floor: 1e-2) < 5e-6)
  }

  @Test(arguments: Case.all)
  func `slopes of the far rows' loss along random directions are the definition's`(testCase: Case)
    throws
  {
    let fixture = Fixture(testCase)
    let gradients = try #require(fixture.rowLoss(weight: 100).gradients)
    var draw = TestValues(5)
    for (path, found) in [
      (\Fixture.queryFeatures, gradients.queryFeatures), (\.keyFeatures, gradients.keyFeatures),
    ] {
      // Products that are 0 meet the floor, beside which a step is no small one.
      let direction = zip(draw.normal(found.count), fixture[keyPath: path]).map {
        testCase.isRectified && $1 == 0 ? 0 : $0
      }
      let slope = numericalGradient(at: [0]) { step in
        var moved = fixture
        for index in direction.indices { moved[keyPath: path][index] += direction[index] * step[0] }
        return 100 * moved.naive().rows
      }[0]
      let elements = found.elements.map(Double.init)
      let norm = dot(elements, elements).squareRoot()
      #expect(abs(dot(elements, direction) - slope) < 2e-5 * max(norm, 0.1), "\(slope), \(norm)")
    }
  }

  @Test(arguments: Case.all.filter { $0.keys != .all })
  func `the far masses' loss has the gradient of its definition`(testCase: Case) {
    let fixture = Fixture(testCase)
    let rows = fixture.layout.rows
    let gradient = farMassCrossEntropy(
      tensor(fixture.logits, [rows, 4]), far: fixture.far, weight: 50
    ).gradient
    let picked = Array(stride(from: 0, to: rows * 4, by: max(1, rows / 8)))
    let expected = numericalGradient(at: picked.map { fixture.logits[$0] }) { point in
      var moved = fixture
      for (index, value) in zip(picked, point) { moved.logits[index] = value }
      return 50 * moved.naive().masses
    }
    let found = gradient.elements
    #expect(relativeRMS(picked.map { found[$0] }, expected, floor: 1e-3) < 5e-5)
  }

  @Test(arguments: Case.all.filter { $0.segments.count > 1 })
  func `what padding's rows hold reaches nothing`(testCase: Case) throws {
    let fixture = Fixture(testCase)
    let (clean, dirty) = (fixture.rowLoss(weight: 1), fixture.poisonedPadding.rowLoss(weight: 1))
    #expect(clean.value == dirty.value)
    let (gradients, poisoned) = (try #require(clean.gradients), try #require(dirty.gradients))
    #expect(gradients.queryFeatures.elements == poisoned.queryFeatures.elements)
    #expect(gradients.keyFeatures.elements == poisoned.keyFeatures.elements)
  }

  @Test func `where features' weights are the softmax's own the far rows have no gradient`() throws
  {
    // One key code a position, and features that are the exponentials: ã is a's far part exactly.
    var fixture = Fixture(Case(keys: .older(.sliding(2), sinks: 1), segments: [5]))
    let start = fixture.layout.segments[0].start
    let scale = Double(fixture.attention.scale)
    for head in 0..<4 {
      for row in 0..<5 {
        for key in 0..<5 {
          let product = (0..<6).reduce(0.0) {
            $0 + fixture.queries[(start + row) * 24 + head * 6 + $1]
              * fixture.keys[(start + key) * 12 + head / 2 * 6 + $1]
          }
          fixture.queryFeatures[(start + row) * 20 + head * 5 + key] =
            Double.exp(scale * product)
          fixture.keyFeatures[(start + row) * 20 + head * 5 + key] = row == key ? 1 : 0
        }
      }
    }
    let gradients = try #require(fixture.rowLoss(weight: 1).gradients)
    #expect(gradients.queryFeatures.elements.allSatisfy { abs($0) < 1e-7 })
  }
}

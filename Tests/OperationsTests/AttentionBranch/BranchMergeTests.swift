import Foundation
import TensorCore
import TestSupport
import Testing

@testable import Operations

@Suite struct BranchMergeTests {
  private static let cases = BranchCase.all.filter { $0.segments != [1] }
  private let ratios: [Double] = [-1.5, 0, 0.75, -6]

  private func merged(_ fixture: BranchFixture, _ units: BranchUnits) -> [Double] {
    let heads = BranchFixture.heads
    var output = [Double](repeating: 0, count: fixture.layout.rows * heads * BranchFixture.d)
    let (window, memory) = (fixture.naiveWindow(), fixture.naiveFeatures(fixture.older))
    for row in fixture.layout.segments.flatMap({ Array($0.rows) }) {
      for head in 0..<heads {
        let part = { (branch: NaiveBranch<Double>) in
          let slot = row * heads + head
          let columns = slot * BranchFixture.d..<(slot + 1) * BranchFixture.d
          return NaiveBranch(
            numerators: Array(branch.numerators[columns]),
            denominators: [branch.denominators[slot]], logScales: [branch.logScales[slot]])
        }
        let line = Naive.mergedBranches(
          window: part(window), memory: part(memory), logRatio: ratios[head], units: units)
        for (column, value) in line.enumerated() {
          output[(row * heads + head) * BranchFixture.d + column] = value
        }
      }
    }
    return output
  }

  @Test(arguments: cases, BranchUnits.allCases)
  func `Window and memory join as the definition says`(testCase: BranchCase, units: BranchUnits) {
    let fixture = BranchFixture(testCase)
    let output = mergedBranches(
      window: fixture.window(), memory: fixture.features(fixture.older),
      logRatios: tensor(ratios, [4]), units: units
    ).output
    #expect(relativeRMS(output.elements, merged(fixture, units)) < 2e-6)
  }

  /// The invariant that makes a join exact: a memory whose weights are the softmax's own.
  @Test(arguments: cases)
  func `Where the memory's weights are exact, the merge is one softmax over all keys`(
    testCase: BranchCase
  ) {
    var fixture = BranchFixture(testCase)
    // Keys of one of five codes, and features that say which: φq_c = exp(scale q·code_c).
    var draw = TestValues(41)
    let (heads, d, f) = (BranchFixture.heads, BranchFixture.d, BranchFixture.f)
    let codes = draw.normal(BranchFixture.keyHeads * f * d)
    for row in 0..<fixture.layout.rows {
      let code = row * 7 % f
      for head in 0..<heads {
        for index in 0..<d {
          fixture.keys[row * BranchFixture.keyHeads * d + head / 2 * d + index] =
            codes[(head / 2 * f + code) * d + index]
        }
        for candidate in 0..<f {
          let product = (0..<d).reduce(0.0) {
            $0 + fixture.queries[(row * heads + head) * d + $1]
              * codes[(head / 2 * f + candidate) * d + $1]
          }
          fixture.keyFeatures[(row * heads + head) * f + candidate] = candidate == code ? 1 : 0
          fixture.queryFeatures[(row * heads + head) * f + candidate] =
            exp(Double(fixture.attention.scale) * product)
        }
      }
    }
    let output = mergedBranches(
      window: fixture.window(), memory: fixture.features(fixture.older),
      logRatios: Tensor(zeros: [4]), units: .absolute
    ).output
    let softmax = softmaxAttention(
      queries: fixture.all(fixture.queries), keys: fixture.all(fixture.keys),
      values: fixture.all(fixture.values), shape: fixture.attention, layout: fixture.layout
    ).output
    #expect(relativeRMS(output.elements, softmax.elements.map(Double.init)) < 2e-6)
  }

  @Test(arguments: cases, [false, true])
  func `In units of the row's maximum the merge is LoLCATs' hybrid attention`(
    testCase: BranchCase, isAffine: Bool
  ) {
    let fixture = BranchFixture(testCase)
    let logits: [Float] = [-2, 0.5, 1, -0.25]
    // λ/γ: (1 − γ)/γ = e^{−x}, and 1/γ = 1 + e^{−x}.
    let ratios = logits.map { isAffine ? -$0 : log1p(exp(-$0)) }
    let output = mergedBranches(
      window: fixture.window(), memory: fixture.features(fixture.older),
      logRatios: Tensor(ratios, [4]), units: .rowMax
    ).output
    let hybrid = hybridAttention(
      queries: fixture.all(fixture.queries), keys: fixture.all(fixture.keys),
      values: fixture.all(fixture.values), queryFeatures: fixture.all(fixture.queryFeatures),
      keyFeatures: fixture.all(fixture.keyFeatures), windowFactors: Tensor(logits, [4]),
      shape: HybridAttentionShape(
        attention: fixture.attention, featureDim: BranchFixture.f, window: testCase.window,
        sinks: testCase.sinks, isAffine: isAffine), layout: fixture.layout
    ).output
    #expect(relativeRMS(output.elements, hybrid.elements.map(Double.init)) < 2e-6)
  }

  @Test func `Scales far apart neither overflow nor lose the larger branch`() {
    let branch = { (m: Float) in
      AttentionBranch(
        numerators: Tensor([2, 4], [1, 2]), denominators: Tensor([2], [1, 1]),
        logScales: Tensor([m], [1, 1]))
    }
    for (window, memory) in [(Float(200), Float(0)), (-200, 0), (0, 300), (-300, -310)] {
      let output = mergedBranches(
        window: branch(window), memory: branch(memory), logRatios: Tensor(zeros: [1]),
        units: .absolute
      ).output
      #expect(output.elements == [1, 2])
    }
  }

  @Test func `A memory that holds nothing leaves the window's output, bit for bit`() {
    let fixture = BranchFixture(BranchCase(window: .sliding(64), sinks: 0, segments: [9]))
    let window = fixture.window()
    let output = mergedBranches(
      window: window, memory: fixture.features(fixture.older), logRatios: Tensor(zeros: [4]),
      units: .rowMax
    ).output
    let alone = branchQuotient(
      numerators: window.numerators, denominators: window.denominators)
    #expect(output.elements == alone.elements)
  }
}

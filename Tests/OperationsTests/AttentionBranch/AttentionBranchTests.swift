import TensorCore
import TestSupport
import Testing

@testable import Operations

@Suite struct AttentionBranchTests {
  private func expect(
    _ found: AttentionBranch, _ expected: NaiveBranch<Double>, within tolerance: Double = 2e-6,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    for (found, expected) in [
      (found.numerators, expected.numerators), (found.denominators, expected.denominators),
      (found.logScales, expected.logScales),
    ] {
      #expect(
        relativeRMS(found.elements, expected) < tolerance, sourceLocation: sourceLocation)
    }
  }

  @Test(arguments: BranchCase.all)
  func `The window's chunked form equals its definition`(testCase: BranchCase) {
    let fixture = BranchFixture(testCase)
    expect(fixture.window(), fixture.naiveWindow())
  }

  @Test(arguments: BranchCase.all)
  func `Linear attention over all keys or the older equals its definition`(testCase: BranchCase) {
    let fixture = BranchFixture(testCase)
    for keys in [BranchKeys.all, fixture.older] {
      expect(fixture.features(keys), fixture.naiveFeatures(keys))
    }
  }

  @Test func `Padding takes no part, whatever stands there`() {
    let fixture = BranchFixture(BranchCase(window: .sliding(5), sinks: 3, segments: [3, 70]))
    for (clean, dirty) in [
      (fixture.window(), fixture.poisonedPadding.window()),
      (fixture.features(fixture.older), fixture.poisonedPadding.features(fixture.older)),
    ] {
      #expect(clean.numerators.elements == dirty.numerators.elements)
      #expect(clean.denominators.elements == dirty.denominators.elements)
      #expect(clean.logScales.elements == dirty.logScales.elements)
    }
  }

  @Test(arguments: BranchCase.all.filter { $0.segments == [129] })
  func `Fed in pieces the branches give what the whole gives`(testCase: BranchCase) {
    let fixture = BranchFixture(testCase)
    let start = fixture.layout.segments[0].start
    let rows = start..<start + 129
    for pieces in [[129], [63, 1, 1, 64], [1, 128], Array(repeating: 1, count: 129)] {
      // Both branches of a layer in one memory.
      var memory = Memory()
      memory.addWindowBranch(
        fixture.attention, window: testCase.window, sinks: testCase.sinks, prefix: "window.")
      memory.addFeatureBranch(
        fixture.attention, featureDim: BranchFixture.f, keys: fixture.older, prefix: "linear.")
      // And both in common.
      var common = Memory()
      common.addWindowAndFeatureBranches(
        fixture.attention, featureDim: BranchFixture.f, window: testCase.window,
        sinks: testCase.sinks)
      let bytes = (memory.bytes, common.bytes)
      #expect(common.bytes < memory.bytes)
      var found: [[Float]] = Array(repeating: [], count: 4)
      for count in pieces {
        let range = start + memory.position..<start + memory.position + count
        let (q, k, v) = (fixture.queries, fixture.keys, fixture.values)
        let softmax = windowBranch(
          queries: fixture.rows(q, range), keys: fixture.rows(k, range),
          values: fixture.rows(v, range), attention: fixture.attention, window: testCase.window,
          sinks: testCase.sinks, memory: &memory, prefix: "window.")
        let linear = featureBranch(
          queryFeatures: fixture.rows(fixture.queryFeatures, range), keys: fixture.rows(k, range),
          keyFeatures: fixture.keyFeatureMap, values: fixture.rows(v, range),
          attention: fixture.attention, source: fixture.older, memory: &memory, prefix: "linear.")
        let both = windowAndFeatureBranches(
          queries: fixture.rows(q, range), keys: fixture.rows(k, range),
          values: fixture.rows(v, range),
          queryFeatures: fixture.rows(fixture.queryFeatures, range),
          keyFeatures: fixture.keyFeatureMap, attention: fixture.attention,
          window: testCase.window, sinks: testCase.sinks, memory: &common)
        for (joint, alone) in [(both.window, softmax), (both.features, linear)] {
          #expect(joint.numerators.elements == alone.numerators.elements)
          #expect(joint.denominators.elements == alone.denominators.elements)
          #expect(joint.logScales.elements == alone.logScales.elements)
        }
        memory.position += count
        common.position += count
        found[0] += softmax.numerators.elements
        found[1] += softmax.denominators.elements
        found[2] += linear.numerators.elements
        found[3] += linear.denominators.elements
      }
      #expect(bytes == (memory.bytes, common.bytes), "a memory must not grow")
      let (softmax, linear) = (fixture.naiveWindow(), fixture.naiveFeatures(fixture.older))
      let (d, heads) = (BranchFixture.d, BranchFixture.heads)
      for (found, (expected, width)) in zip(
        found,
        [
          (softmax.numerators, heads * d), (softmax.denominators, heads),
          (linear.numerators, heads * d), (linear.denominators, heads),
        ])
      {
        let part = Array(expected[rows.lowerBound * width..<rows.upperBound * width])
        #expect(relativeRMS(found, part, floor: 1e-12) < 2e-6, "\(pieces.prefix(4))")
      }
    }
  }

  @Test func `A copied state goes its own way`() {
    let fixture = BranchFixture(BranchCase(window: .sliding(5), sinks: 3, segments: [129]))
    let advance = { (memory: inout Memory, range: Range<Int>) in
      let branch = windowBranch(
        queries: fixture.rows(fixture.queries, range), keys: fixture.rows(fixture.keys, range),
        values: fixture.rows(fixture.values, range), attention: fixture.attention,
        window: .sliding(5), sinks: 3, memory: &memory)
      memory.position += range.count
      return branch.numerators.elements
    }
    var state = Memory()
    state.addWindowBranch(fixture.attention, window: .sliding(5), sinks: 3)
    _ = advance(&state, 2..<82)
    var branch = state.copied()
    let undisturbed = advance(&branch, 82..<92)
    var other = state.copied()
    _ = advance(&other, 100..<120)
    #expect(advance(&state, 82..<92) == undisturbed)
  }
}

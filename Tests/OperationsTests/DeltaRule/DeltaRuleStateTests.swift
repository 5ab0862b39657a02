import TensorCore
import TestSupport
import Testing

@testable import Operations

@Suite struct DeltaRuleStateTests {
  private func feed(_ state: inout DeltaRuleState, _ fixture: DeltaRuleFixture, _ count: Int)
    -> [Float]
  {
    let first = fixture.layout.segments[0].start + state.position
    let rows = { (x: [Double]) in fixture.rows(x, first..<first + count) }
    return state.advance(
      receptances: rows(fixture.receptances), logDecays: rows(fixture.logDecays),
      keys: rows(fixture.keys), values: rows(fixture.values), removals: rows(fixture.removals),
      writes: rows(fixture.writes)
    ).elements
  }

  @Test(
    "a sequence fed in pieces gives the outputs and the last state of the recurrence",
    arguments: DecayStrength.allCases)
  func pieces(strength: DecayStrength) {
    let fixture = DeltaRuleFixture([129], strength)
    let expected = fixture.naive()
    let width = fixture.shape.width
    let outputs = Array(expected.output[width..<130 * width])
    for pieces in [
      [129], Array(repeating: 1, count: 129), [15, 1, 1, 16, 96], [70, 3, 0, 56], [1, 128],
    ] {
      var state = DeltaRuleState(fixture.shape)
      let bytes = state.bytes
      let output = pieces.flatMap { feed(&state, fixture, $0) }
      #expect(state.position == 129)
      #expect(state.bytes == bytes && bytes == 2 * 36 * 4, "the state must not grow")
      #expect(relativeRMS(output, outputs) < 2e-6, "\(pieces.prefix(4))")
      #expect(relativeRMS(state.states.elements, expected.finalStates) < 2e-6)
    }
  }

  @Test("a prompt fed at once gives the bits of the parallel form")
  func prefill() {
    let fixture = DeltaRuleFixture([129], .rwkv7)
    var state = DeltaRuleState(fixture.shape)
    let width = fixture.shape.width
    let output = feed(&state, fixture, 96) + feed(&state, fixture, 20) + feed(&state, fixture, 13)
    let parallel = fixture.fast()
    #expect(
      output.prefix(112 * width) == parallel.output.elements[width..<113 * width])
    #expect(relativeRMS(state.states.elements, fixture.naive().finalStates) < 2e-6)
  }

  @Test("a copied state goes its own way")
  func copies() {
    let fixture = DeltaRuleFixture([129], .rwkv7)
    var state = DeltaRuleState(fixture.shape)
    _ = feed(&state, fixture, 80)
    var branch = state.copied()
    let undisturbed = feed(&branch, fixture, 10)
    var other = state.copied()
    _ = feed(&other, fixture, 40)
    #expect(feed(&state, fixture, 10) == undisturbed)
    #expect(other.position == 120)
  }
}

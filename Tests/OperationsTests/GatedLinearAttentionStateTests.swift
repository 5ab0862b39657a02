import Operations
import TensorCore
import TestSupport
import Testing

@Suite struct GatedLinearAttentionStateTests {
  private func feed(
    _ fixture: GatedAttentionFixture, _ rows: Range<Int>, to state: inout GatedLinearAttentionState
  ) -> [Float] {
    let width = fixture.shape.width
    let part = { (x: [Double]) in
      tensor(Array(x[rows.lowerBound * width..<rows.upperBound * width]), [rows.count, width])
    }
    return state.advance(
      queries: part(fixture.queries), keys: part(fixture.keys), values: part(fixture.values),
      logDecays: part(fixture.logDecays)
    ).elements
  }

  @Test(
    "a sequence fed in pieces gives the outputs and the last state of the recurrence",
    arguments: Forgetting.allCases)
  func pieces(forgetting: Forgetting) {
    let fixture = GatedAttentionFixture(
      forgetting, headDim: 20, layout: SequenceLayout(length: 129))
    let expected = fixture.naive()
    let states = (0..<fixture.shape.heads).flatMap { head in
      let part = { (x: [Double]) in
        slice(x, rows: 0..<129, width: 20, heads: fixture.shape.heads, head: head)
      }
      return Naive.gatedLinearAttention(
        queries: part(fixture.queries), keys: part(fixture.keys), values: part(fixture.values),
        logDecays: part(fixture.logDecays), headDim: 20, scale: Double(fixture.shape.scale)
      ).state
    }
    for pieces in [[129], Array(repeating: 1, count: 129), [15, 1, 1, 16, 0, 96], [70, 3, 56]] {
      var state = GatedLinearAttentionState(fixture.shape)
      let bytes = state.bytes
      var output: [Float] = []
      for count in pieces {
        output += feed(fixture, state.position..<state.position + count, to: &state)
      }
      #expect(state.position == 129)
      #expect(state.bytes == bytes, "the state must not grow")
      #expect(relativeRMS(output, expected) < 2e-6, "\(pieces.prefix(4))")
      #expect(relativeRMS(state.states.elements, states) < 2e-6, "\(pieces.prefix(4))")
    }
  }

  @Test("a sequence fed in pieces that end where chunks do gives the same bits")
  func sameOrder() {
    let fixture = GatedAttentionFixture(.mixed, headDim: 6, layout: SequenceLayout(length: 80))
    var state = GatedLinearAttentionState(fixture.shape)
    var output = feed(fixture, 0..<32, to: &state)
    output += feed(fixture, 32..<48, to: &state)
    output += feed(fixture, 48..<80, to: &state)
    #expect(output == fixture.fast().elements)
  }

  @Test("a copied state goes its own way")
  func copies() {
    let fixture = GatedAttentionFixture(.mixed, headDim: 6, layout: SequenceLayout(length: 60))
    var state = GatedLinearAttentionState(fixture.shape)
    _ = feed(fixture, 0..<21, to: &state)
    var branch = state.copied()
    let undisturbed = feed(fixture, 21..<40, to: &branch)
    var other = state.copied()
    _ = feed(fixture, 50..<60, to: &other)
    #expect(feed(fixture, 21..<40, to: &state) == undisturbed)
  }
}

import Differentiation
import Operations
import TensorCore
import TestSupport
import Testing
import Transformers

@Suite struct BranchingContextsTests {
  @Test(
    "every branch comes out as its context and itself read alone",
    arguments: StudentOnTeacher.all)
  func branches(testCase: StudentOnTeacher) throws {
    try check(try testCase.decoder(), tokens: try testCase.golden.tokens())
  }

  @Test("every branch of a teacher comes out as read alone", arguments: TeacherGolden.all)
  func teachers(golden: TeacherGolden) throws {
    try check(try golden.teacher(), tokens: try golden.tokens())
  }

  /// Three contexts: branches of several lengths, one empty, one context without a branch.
  private func check(_ decoder: Decoder, tokens: [[Int32]]) throws {
    let contexts: [BranchingContexts.Branching] = [
      .init(
        context: Array(tokens[0][..<9]),
        branches: [Array(tokens[1][..<5]), [], Array(tokens[1][7..<18])]),
      .init(context: Array(tokens[1][..<1]), branches: [Array(tokens[0][..<2])]),
      .init(context: tokens[1], branches: []),
    ]
    let batch = BranchingContexts(contexts)
    let hidden = decoder.hiddenStates(batch).elements
    let width = decoder.configuration.hiddenSize
    #expect(hidden.count == contexts.reduce(0) { $0 + $1.rows } * width)
    for (index, branching) in contexts.enumerated() {
      for (branch, continuation) in branching.branches.enumerated() {
        let alone = lastLayer(decoder, branching.context + continuation)
        let rows = batch.predictingRows(context: index, branch: branch)
        #expect(rows.count == continuation.count + 1)
        let ours = rows.flatMap { hidden[$0 * width..<($0 + 1) * width] }
        let expected = alone.suffix(rows.count * width).map(Double.init)
        #expect(relativeRMS(ours, expected) < 2e-5, "context \(index), branch \(branch)")
      }
    }
  }

  /// What the last layer gives, before the final norm.
  private func lastLayer(_ decoder: Decoder, _ tokens: [Int32]) -> [Float] {
    var last: [Float] = []
    _ = decoder.hiddenStates(
      tokens, layout: SequenceLayout(length: tokens.count), on: Tape(isRecording: false)
    ) { last = $0.elements }
    return last
  }
}

import Operations
import Testing

@testable import Evaluation

@Suite struct FidelityExcerptTests {
  private func sequence(_ counts: [Int], padding: Int = 0) -> EvaluationSequence {
    var segments: [SequenceLayout.Segment] = []
    var row = padding
    for count in counts {
      segments.append(.init(start: row, count: count, firstPosition: row % 7))
      row += count
    }
    return EvaluationSequence(
      tokens: (0..<Int32(row)).map { $0 }, targets: Array(repeating: ignoredTarget, count: row),
      layout: SequenceLayout(rows: row, segments: segments))
  }

  @Test func `The first tokens of every sequence are taken document by document`() {
    let excerpts = FidelityExcerpt.excerpts(
      of: [sequence([5, 2, 8, 9], padding: 3), sequence([40])],
      FidelityOptions(rowTokens: 17, mappedSequence: nil))
    // 5, none of the document of 2, 8, and the 4 that remain of 9.
    #expect(excerpts.map(\.tokens.count) == [5, 8, 4, 17])
    #expect(excerpts.map { $0.tokens[0] } == [3, 10, 18, 0])
    #expect(excerpts.map(\.firstPosition) == [3, 3, 4, 0])
    #expect(excerpts.allSatisfy { !$0.isMapped })
  }

  @Test func `The map shows the longest document of its sequence, the first of equals`() {
    let sequences = [sequence([9]), sequence([4, 6, 6])]
    let mapped = { (index: Int) in
      FidelityExcerpt.excerpts(of: sequences, FidelityOptions(mappedSequence: index))
        .map(\.isMapped)
    }
    #expect(mapped(0) == [true, false, false, false])
    #expect(mapped(1) == [false, false, true, false])
    #expect(mapped(2) == [false, false, false, false])
  }
}

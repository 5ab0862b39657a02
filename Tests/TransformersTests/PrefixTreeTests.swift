import Differentiation
import Operations
import TensorCore
import TestSupport
import Testing

@testable import Transformers

@Suite struct PrefixTreeTests {
  @Test(arguments: StudentOnTeacher.all)
  func `every sequence comes out as read alone`(testCase: StudentOnTeacher) throws {
    // A norm of each head magnifies what products of other row counts round apart.
    try check(
      try testCase.decoder(), tokens: try testCase.golden.tokens(),
      tolerance: testCase.mixer == "qlinatt" ? 5e-5 : 2e-5)
  }

  @Test(arguments: TeacherGolden.all)
  func `every sequence of a teacher comes out as read alone`(golden: TeacherGolden) throws {
    try check(try golden.teacher(), tokens: try golden.tokens(), tolerance: 2e-5)
  }

  @Test func `what sequences begin with is one row a token, and rows follow each sequence`() {
    let sequences: [[Int32]] = [
      [5, 6, 7], [5, 6], [5, 6, 8, 9], [1], [5, 6, 7], [5, 2], [5, 6, 8, 9, 9],
    ]
    let tree = PrefixTree(sequences)
    // 1 | 5 | 2 | 6 | 7 | 8 9 9
    #expect(tree.tokens.count == 8)
    for (sequence, rows) in zip(sequences, tree.rows) {
      #expect(rows.map { tree.tokens[$0] } == sequence)
    }
    #expect(tree.rows[0] == tree.rows[4])
    #expect(Array(tree.rows[6].prefix(4)) == tree.rows[2])
    #expect(
      tree.segments.map { tree.tokens[$0.rows].map { Int($0) } } == [
        [1], [5], [2], [6], [7], [8, 9, 9],
      ])
    #expect(tree.segments.map(\.level) == [0, 0, 1, 1, 2, 2])
    #expect(tree.segments.map(\.position) == [0, 0, 1, 1, 2, 2])
  }

  /// Branches behind branches, a sequence within another, one twice, and others.
  private func check(_ decoder: Decoder, tokens: [[Int32]], tolerance: Double) throws {
    let (first, second) = (tokens[0], tokens[1])
    let stem = Array(first[..<9])
    let sequences: [[Int32]] = [
      stem + Array(second[..<5]), stem, stem + Array(second[..<3]) + Array(first[..<8]),
      stem + Array(second[7..<18]), Array(second[..<1]) + Array(first[..<2]), second, second,
      Array(second[..<20]) + Array(first[..<3]),
    ]
    let tree = PrefixTree(sequences)
    let hidden = decoder.hiddenStates(tree).elements
    let width = decoder.configuration.hiddenSize
    #expect(hidden.count < sequences.reduce(0) { $0 + $1.count } * width)
    for (index, sequence) in sequences.enumerated() {
      let alone = lastLayer(decoder, sequence).map(Double.init)
      let ours = tree.rows[index].flatMap { hidden[$0 * width..<($0 + 1) * width] }
      #expect(relativeRMS(ours, alone) < tolerance, "sequence \(index)")
      // The last token's own row: an error there drowns in the norm of the others.
      #expect(
        relativeRMS(Array(ours.suffix(width)), Array(alone.suffix(width))) < tolerance,
        "sequence \(index)")
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

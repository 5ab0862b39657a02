import Operations
import Testing

@Suite struct SequenceLayoutTests {
  @Test func `equal sequences follow one another without padding`() {
    let layout = SequenceLayout(sequences: 3, length: 4)
    #expect(layout.rows == 12)
    #expect(layout.segments.map(\.rows) == [0..<4, 4..<8, 8..<12])
    #expect(layout.positions == [0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3])
    #expect(layout.padding == [])
    #expect(!layout.hasPadding)
  }

  @Test func `positions count from each segment's first, and padding lies between the segments`() {
    let layout = SequenceLayout(
      rows: 9,
      segments: [
        .init(start: 1, count: 2), .init(start: 3, count: 1, firstPosition: 7),
        .init(start: 6, count: 2),
      ])
    #expect(layout.positions == [0, 0, 1, 7, 0, 0, 0, 1, 0])
    #expect(layout.padding == [0..<1, 4..<6, 8..<9])
    #expect(layout.hasPadding)
  }

  @Test func `rows without a segment are padding`() {
    let layout = SequenceLayout(rows: 3, segments: [])
    #expect(layout.padding == [0..<3])
    #expect(layout.hasPadding)
    #expect(layout.positions == [0, 0, 0])
  }
}

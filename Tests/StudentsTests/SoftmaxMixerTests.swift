import Operations
import Students
import TensorCore
import TestSupport
import Testing

@Suite struct SoftmaxMixerTests {
  private let shape = StudentCase.geometry.attention

  @Test(arguments: [nil, 1, 5, 64, 300])
  func `a key-value cache fed in pieces gives what mixing gives`(window: Int?) {
    let mixer = SoftmaxAttentionMixer(shape: shape, window: window)
    let operands = MixerOperands(shape, rows: 200)
    let whole = mixer.output(operands).elements.map(Double.init)
    for length in [1, 7, 64, 200] {
      var state = SequenceReader(mixer)
      let pieces = state.advance(operands, pieceLength: length)
      #expect(relativeRMS(pieces, whole) < 2e-6, "\(length)")
      #expect(state.position == 200)
    }
  }

  @Test func `a cache grows with the text, and with a window stays within twice of it`() {
    let operands = MixerOperands(shape, rows: 200)
    let bytesPerToken = 2 * shape.keyWidth * 4
    var full = SequenceReader(SoftmaxAttentionMixer(shape: shape))
    var windowed = SequenceReader(SoftmaxAttentionMixer(shape: shape, window: 5))
    var largest = 0
    for token in 0..<200 {
      _ = full.advance(operands[token..<token + 1], pieceLength: 1)
      _ = windowed.advance(operands[token..<token + 1], pieceLength: 1)
      #expect(full.bytes == (token + 1) * bytesPerToken)
      largest = max(largest, windowed.bytes)
    }
    #expect(largest == 10 * bytesPerToken)
  }

  @Test func `outside its window a key is not seen`() {
    let mixer = SoftmaxAttentionMixer(shape: shape, window: 5)
    let operands = MixerOperands(shape, rows: 80)
    var changed = operands
    for column in 0..<shape.keyWidth { changed.values[10 * shape.keyWidth + column] += 1 }
    let before = mixer.output(operands).elements
    let after = mixer.output(changed).elements
    for row in 0..<80 {
      let range = row * shape.queryWidth..<(row + 1) * shape.queryWidth
      #expect((before[range] != after[range]) == (10..<15).contains(row), "\(row)")
    }
  }
}

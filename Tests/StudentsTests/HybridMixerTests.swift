import Differentiation
import Operations
import Students
import TensorCore
import TestSupport
import Testing

@Suite struct HybridMixerTests {
  /// Mixers of the registry that have two halves.
  static let hybrids = StudentCase.all.filter {
    ["sliding-window", "terrace-window"].contains($0.mixerName)
  }

  @Test(arguments: hybrids, MixerPart.allCases)
  func `a half alone gives what the definition gives with the other's weights at zero`(
    testCase: StudentCase, part: MixerPart
  ) throws {
    let mixer = try testCase.trainedMixer()
    let naive = try #require(NaiveStudent(testCase, mixer))
    let half = try #require((mixer as? any HybridMixer)?.only(part))
    let operands = MixerOperands(StudentCase.geometry.attention, rows: 200)
    let expected = naive.output(operands, only: part)
    #expect(relativeRMS(half.output(operands).elements, expected) < 2e-5)
    var state = SequenceReader(half)
    #expect(relativeRMS(state.advance(operands, pieceLength: 7), expected) < 2e-5)
  }

  @Test func `A mixer of one half has none to switch off`() throws {
    let testCase = try #require(StudentCase.all.first { $0.mixerName == "linear" })
    let mixer = try #require(try testCase.trainedMixer() as? any HybridMixer)
    #expect(mixer.only(.window) == nil)
    #expect(mixer.only(.memory) == nil)
  }

  @Test func `Where the window reaches every key, the memory alone is silent`() throws {
    let testCase = try #require(Self.hybrids.first { $0.document["windowSize"] == 64 })
    let mixer = try #require(try testCase.trainedMixer() as? any HybridMixer)
    let operands = MixerOperands(StudentCase.geometry.attention, rows: 64)
    let linear = try #require(mixer.only(.memory)).output(operands).elements
    #expect(linear.allSatisfy { $0 == 0 })
    let window = try #require(mixer.only(.window)).output(operands).elements
    #expect(relativeRMS(window, mixer.output(operands).elements.map(Double.init)) < 1e-6)
  }

  @Test func `A window as long as the sequence is the teacher's softmax attention`() {
    let attention = StudentCase.geometry.attention
    let operands = MixerOperands(attention, rows: 150)
    let softmax = SoftmaxAttentionMixer(shape: attention).output(operands)
    let window = SoftmaxWindowMixer(attention, window: .sliding(150), sinks: 0).output(operands)
    #expect(relativeRMS(window.elements, softmax.elements.map(Double.init)) < 1e-5)
  }

  @Test func `A plain window is the teacher's own sliding window`() {
    let attention = StudentCase.geometry.attention
    let operands = MixerOperands(attention, rows: 150)
    let softmax = SoftmaxAttentionMixer(shape: attention, window: 9).output(operands)
    let window = SoftmaxWindowMixer(attention, window: .sliding(9), sinks: 0).output(operands)
    #expect(relativeRMS(window.elements, softmax.elements.map(Double.init)) < 1e-5)
  }

  @Test(arguments: StudentCase.all.map(\.document.compact))
  func `a copied state goes on as the original would, and leaves it where it was`(text: String)
    throws
  {
    let testCase = try #require(StudentCase.all.first { $0.document.compact == text })
    try checkCopies(of: try testCase.trainedMixer())
  }

  @Test func `Copies of caches, windows and silence go their own ways`() throws {
    let attention = StudentCase.geometry.attention
    try checkCopies(of: SoftmaxAttentionMixer(shape: attention))
    try checkCopies(of: SoftmaxAttentionMixer(shape: attention, window: 9))
    try checkCopies(of: SoftmaxWindowMixer(attention, window: .terrace(8), sinks: 2))
    var zero = SequenceReader(ZeroMixer())
    let operands = MixerOperands(attention, rows: 5)
    #expect(zero.advance(operands, pieceLength: 2).allSatisfy { $0 == 0 })
    #expect(zero.copied().position == 5)
  }

  private func checkCopies(of mixer: any TokenMixer) throws {
    let attention = StudentCase.geometry.attention
    let (text, other) = (
      MixerOperands(attention, rows: 100), MixerOperands(attention, rows: 100, seed: 8)
    )
    var alone = SequenceReader(mixer)
    let whole = alone.advance(text, pieceLength: 70)
    var state = SequenceReader(mixer)
    _ = state.advance(text[0..<70], pieceLength: 70)
    var copy = state.copied()
    #expect(copy.position == 70)
    let branch = copy.advance(other[70..<100], pieceLength: 30)
    let continued = state.advance(text[70..<100], pieceLength: 30)
    #expect(continued == Array(whole[(70 * attention.queryWidth)...]))
    #expect(branch != continued)
  }
}

import Differentiation
import Operations
import Students
import TensorCore
import TestSupport
import Testing

@Suite struct StudentStateTests {
  @Test(arguments: StudentCase.all)
  func `advancing in pieces of any size gives what mixing the whole gives`(testCase: StudentCase)
    throws
  {
    let mixer = try testCase.trainedMixer()
    let operands = MixerOperands(StudentCase.geometry.attention, rows: 200)
    let whole = mixer.output(operands).elements.map(Double.init)
    for length in [1, 7, 64] {
      var state = SequenceReader(mixer)
      let pieces = state.advance(operands, pieceLength: length)
      #expect(relativeRMS(pieces, whole) < 1e-5, "\(length)")
      #expect(state.position == 200)
    }
  }

  @Test(arguments: StudentCase.all)
  func `decoding one by one gives what mixing gives at every length, also beside a chunk's end`(
    testCase: StudentCase
  ) throws {
    let mixer = try testCase.trainedMixer()
    let operands = MixerOperands(StudentCase.geometry.attention, rows: 200)
    let width = operands.attention.queryWidth
    var state = SequenceReader(mixer)
    let decoded = state.advance(operands, pieceLength: 1)
    for length in [1, 63, 64, 65, 200] {
      let whole = mixer.output(operands[0..<length]).elements.map(Double.init)
      // The last token's own row: an error there drowns in the norm of 200 others.
      let last = (length - 1) * width..<length * width
      #expect(relativeRMS(Array(decoded[..<(length * width)]), whole) < 1e-5, "\(length)")
      #expect(relativeRMS(Array(decoded[last]), Array(whole[last])) < 2e-5, "\(length)")
    }
  }

  @Test(arguments: StudentCase.all)
  func `a prompt read at once and then continued gives what mixing gives`(testCase: StudentCase)
    throws
  {
    let mixer = try testCase.trainedMixer()
    let operands = MixerOperands(StudentCase.geometry.attention, rows: 140)
    var state = SequenceReader(mixer)
    let output =
      state.advance(operands[0..<131], pieceLength: 131)
      + state.advance(operands[131..<140], pieceLength: 1)
    #expect(relativeRMS(output, mixer.output(operands).elements.map(Double.init)) < 1e-5)
  }

  @Test(arguments: StudentCase.all)
  func `the state holds as many bytes after 1000 tokens as after 100`(testCase: StudentCase) throws
  {
    let mixer = try testCase.trainedMixer()
    let operands = MixerOperands(StudentCase.geometry.attention, rows: 1000)
    var state = SequenceReader(mixer)
    _ = state.advance(operands[0..<100], pieceLength: 33)
    let bytes = state.bytes
    #expect(bytes > 0)
    let rest = state.advance(operands[100..<1000], pieceLength: 250)
    #expect(state.bytes == bytes)
    #expect(state.position == 1000)
    #expect(rest.allSatisfy { $0.isFinite })
  }

  @Test(arguments: StudentCase.all)
  func `two states of one mixer do not disturb each other`(testCase: StudentCase) throws {
    let mixer = try testCase.trainedMixer()
    let attention = StudentCase.geometry.attention
    let (first, second) = (
      MixerOperands(attention, rows: 80), MixerOperands(attention, rows: 80, seed: 8)
    )
    var states = (SequenceReader(mixer), SequenceReader(mixer))
    var outputs: ([Float], [Float]) = ([], [])
    for start in stride(from: 0, to: 80, by: 20) {
      outputs.0 += states.0.advance(first[start..<start + 20], pieceLength: 20)
      outputs.1 += states.1.advance(second[start..<start + 20], pieceLength: 20)
    }
    var alone = (SequenceReader(mixer), SequenceReader(mixer))
    #expect(outputs.0 == alone.0.advance(first, pieceLength: 20))
    #expect(outputs.1 == alone.1.advance(second, pieceLength: 20))
    #expect(outputs.0 != outputs.1)
  }

  @Test(arguments: StudentCase.all)
  func `a token's output does not depend on later tokens, and does on itself`(testCase: StudentCase)
    throws
  {
    let mixer = try testCase.trainedMixer()
    let operands = MixerOperands(StudentCase.geometry.attention, rows: 130)
    let attention = operands.attention
    let before = mixer.output(operands).elements
    for changed in [0, 63, 64, 100, 129] {
      var other = operands
      for column in 0..<attention.queryWidth {
        other.queries[changed * attention.queryWidth + column] += 1
      }
      for column in 0..<MixerOperands.hiddenSize {
        other.stream[changed * MixerOperands.hiddenSize + column] += 1
      }
      for column in 0..<attention.keyWidth {
        other.keys[changed * attention.keyWidth + column] += 1
        other.values[changed * attention.keyWidth + column] -= 2
      }
      let after = mixer.output(other).elements
      let start = changed * attention.queryWidth
      #expect(before[..<start] == after[..<start], "\(changed)")
      #expect(
        before[start..<start + attention.queryWidth] != after[start..<start + attention.queryWidth])
      // Every later token still hears of it: what leaves the window enters the sums.
      let last = 129 * attention.queryWidth
      #expect(before[last...] != after[last...], "\(changed)")
    }
  }

  @Test(arguments: StudentCase.all)
  func `what is remembered can be written down under its names, and another memory goes on from it`(
    testCase: StudentCase
  ) throws {
    let mixer = try testCase.trainedMixer()
    let operands = MixerOperands(StudentCase.geometry.attention, rows: 100)
    var state = SequenceReader(mixer)
    _ = state.advance(operands[0..<70], pieceLength: 70)
    let memory = state.memory!
    #expect(memory.tensors.map(\.name) == memory.names)
    #expect(mixer.makeMemory().names == memory.names)
    var written: [(name: String, tensor: Tensor)] = []
    for (name, tensor) in memory.tensors.reversed() {
      written.append((name, Tensor(tensor.elements, tensor.shape)))
    }
    var other = SequenceReader(mixer)
    try other.memory!.restore(position: memory.position, written)
    #expect(other.bytes == state.bytes)
    let expected = state.advance(operands[70..<100], pieceLength: 9)
    #expect(other.advance(operands[70..<100], pieceLength: 9) == expected)
    #expect(throws: MemoryError.self) {
      try other.memory!.restore(position: 70, written.dropLast() + [("other", written[0].tensor)])
    }
    #expect(throws: MemoryError.self) {
      try other.memory!.restore(position: 70, written.map { ($0.name, Tensor(zeros: [1, 1, 3])) })
    }
    #expect(other.position == 100)
  }
}

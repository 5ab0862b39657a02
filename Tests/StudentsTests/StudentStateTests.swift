import Differentiation
import Operations
import Students
import TensorCore
import TestSupport
import Testing

@Suite struct StudentStateTests {
  @Test(
    "advancing in pieces of any size gives what mixing the whole gives", arguments: StudentCase.all)
  func pieces(testCase: StudentCase) throws {
    let mixer = try testCase.trainedMixer()
    let operands = MixerOperands(StudentCase.geometry.attention, rows: 200)
    let whole = mixer.output(operands).elements.map(Double.init)
    for length in [1, 7, 64] {
      let state = mixer.makeState()
      #expect(relativeRMS(state.advance(operands, pieceLength: length), whole) < 1e-5, "\(length)")
      #expect(state.position == 200)
    }
  }

  @Test(
    "decoding one by one gives what mixing gives at every length, also beside a chunk's end",
    arguments: StudentCase.all)
  func decoding(testCase: StudentCase) throws {
    let mixer = try testCase.trainedMixer()
    let operands = MixerOperands(StudentCase.geometry.attention, rows: 200)
    let width = operands.attention.queryWidth
    let decoded = mixer.makeState().advance(operands, pieceLength: 1)
    for length in [1, 63, 64, 65, 200] {
      let whole = mixer.output(operands[0..<length]).elements.map(Double.init)
      // The last token's own row: an error there drowns in the norm of 200 others.
      let last = (length - 1) * width..<length * width
      #expect(relativeRMS(Array(decoded[..<(length * width)]), whole) < 1e-5, "\(length)")
      #expect(relativeRMS(Array(decoded[last]), Array(whole[last])) < 2e-5, "\(length)")
    }
  }

  @Test(
    "a prompt read at once and then continued gives what mixing gives", arguments: StudentCase.all)
  func prefillThenDecode(testCase: StudentCase) throws {
    let mixer = try testCase.trainedMixer()
    let operands = MixerOperands(StudentCase.geometry.attention, rows: 140)
    let state = mixer.makeState()
    let output =
      state.advance(operands[0..<131], pieceLength: 131)
      + state.advance(operands[131..<140], pieceLength: 1)
    #expect(relativeRMS(output, mixer.output(operands).elements.map(Double.init)) < 1e-5)
  }

  @Test("the state holds as many bytes after 1000 tokens as after 100", arguments: StudentCase.all)
  func constantSize(testCase: StudentCase) throws {
    let mixer = try testCase.trainedMixer()
    let operands = MixerOperands(StudentCase.geometry.attention, rows: 1000)
    let state = mixer.makeState()
    _ = state.advance(operands[0..<100], pieceLength: 33)
    let bytes = state.bytes
    #expect(bytes > 0)
    let rest = state.advance(operands[100..<1000], pieceLength: 250)
    #expect(state.bytes == bytes)
    #expect(state.position == 1000)
    #expect(rest.allSatisfy { $0.isFinite })
  }

  @Test("two states of one mixer do not disturb each other", arguments: StudentCase.all)
  func independence(testCase: StudentCase) throws {
    let mixer = try testCase.trainedMixer()
    let attention = StudentCase.geometry.attention
    let (first, second) = (
      MixerOperands(attention, rows: 80), MixerOperands(attention, rows: 80, seed: 8)
    )
    let states = (mixer.makeState(), mixer.makeState())
    var outputs: ([Float], [Float]) = ([], [])
    for start in stride(from: 0, to: 80, by: 20) {
      outputs.0 += states.0.advance(first[start..<start + 20], pieceLength: 20)
      outputs.1 += states.1.advance(second[start..<start + 20], pieceLength: 20)
    }
    #expect(outputs.0 == mixer.makeState().advance(first, pieceLength: 20))
    #expect(outputs.1 == mixer.makeState().advance(second, pieceLength: 20))
    #expect(outputs.0 != outputs.1)
  }

  @Test(
    "a token's output does not depend on later tokens, and does on itself",
    arguments: StudentCase.all)
  func causality(testCase: StudentCase) throws {
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
}

extension MixerState {
  /// Outputs of a sequence fed in pieces of at most `pieceLength` tokens.
  func advance(_ operands: MixerOperands, pieceLength: Int) -> [Float] {
    stride(from: 0, to: operands.rows, by: pieceLength).flatMap { start in
      let piece = operands[start..<min(operands.rows, start + pieceLength)]
      return advance(piece.input(firstPosition: position, on: Tape(isRecording: false))).elements
    }
  }
}

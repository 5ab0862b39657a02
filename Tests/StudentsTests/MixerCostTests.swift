import Differentiation
import Foundation
import Operations
import Students
import TensorCore
import Testing

/// What mixers say that they cost is what they cost.
@Suite struct MixerCostTests {
  @Test(arguments: StudentCase.all)
  func `a student says how many bytes it remembers after any number of tokens`(
    testCase: StudentCase
  ) throws {
    let mixer = try testCase.freshMixer()
    let operands = MixerOperands(StudentCase.geometry.attention, rows: 140)
    var sequence = SequenceReader(mixer)
    for row in 0..<140 {
      _ = sequence.advance(operands[row..<row + 1], pieceLength: 1)
      if [1, 9, 64, 65, 140].contains(row + 1) {
        #expect(mixer.memoryBytes(after: row + 1) == sequence.bytes, "\(row + 1) tokens")
      }
    }
  }

  @Test(arguments: [nil, 1, 5])
  func `softmax says how many bytes of keys and values it remembers`(window: Int?) {
    let attention = StudentCase.geometry.attention
    let mixer = SoftmaxAttentionMixer(shape: attention, window: window)
    let operands = MixerOperands(attention, rows: 40)
    var sequence = SequenceReader(mixer)
    for row in 0..<40 {
      _ = sequence.advance(operands[row..<row + 1], pieceLength: 1)
      #expect(mixer.memoryBytes(after: row + 1) == sequence.bytes, "\(row + 1) tokens")
    }
  }

  @Test func `what a tape keeps of a mixer is what the mixer says, but for a tenth`() async {
    // In a process of its own: the pool is shared, and counts what other tests take as well.
    let result = await #expect(
      processExitsWith: .success, observing: [\.standardErrorContent]
    ) {
      setenv("LINEARIZE_THREADS", "1", 1)
      let rows = 256
      let attention = StudentCase.geometry.attention
      let softmax: [(String, any TokenMixer)] = [
        ("softmax", SoftmaxAttentionMixer(shape: attention)),
        ("softmax window", SoftmaxWindowMixer(attention, window: .sliding(8), sinks: 2)),
        ("nothing", ZeroMixer()),
      ]
      let students = try StudentCase.all.map { ($0.document.compact, try $0.freshMixer()) }
      let operands = MixerOperands(attention, rows: rows)
      for (name, mixer) in softmax + students {
        let peak = { (passes: Int) -> Int in
          let tape = Tape()
          let leaves = operands.leaves(on: tape)
          return BufferPool.shared.peakBytes {
            for _ in 0..<passes {
              _ = mixer.forward(
                operands.input(leaves, layout: SequenceLayout(length: rows)), on: tape)
            }
          }
        }
        // A second pass comes as far above the first as the first has left behind.
        let measured = Double(peak(2) - peak(1)) / Double(4 * rows)
        let stated = mixer.cost(length: rows).keptElements
        if abs(stated - measured) > 0.1 * measured + 1 {
          let line = "\(name): \(stated) stated, \(measured) measured\n"
          FileHandle.standardError.write(Data(line.utf8))
        }
      }
    }
    #expect(String(decoding: result?.standardErrorContent ?? [], as: UTF8.self) == "")
  }

  @Test(arguments: [nil, 1, 7])
  func `softmax makes two products of every pair of a query and a key that it sees`(window: Int?) {
    let attention = StudentCase.geometry.attention
    let mixer = SoftmaxAttentionMixer(shape: attention, window: window)
    for length in [1, 5, 40] {
      var operations = 0
      for query in 0..<length {
        for key in 0...query where window.map({ key > query - $0 }) ?? true {
          // A score, and a value with its weight.
          operations += attention.queryHeads * (2 * attention.headDim + 2 * attention.headDim)
        }
      }
      let stated = mixer.cost(length: length).operations * Double(length)
      #expect(abs(stated - Double(operations)) < 1e-6 * Double(operations), "\(length)")
    }
  }

  @Test func `a bidirectional softmax makes them of every pair`() {
    let attention = AttentionShape(queryHeads: 3, keyValueHeads: 1, headDim: 4, isCausal: false)
    let cost = SoftmaxAttentionMixer(shape: attention).cost(length: 10)
    #expect(cost.operations == Double(10 * 3 * 4 * 4))
  }

  @Test func `linear attention without a feature map costs the same for any length`() throws {
    let mixer = try StudentCase(document: ["mixer": "qlinatt"]).freshMixer()
    let (heads, d) = (4, 6)
    var operations = 0
    for _ in 0..<4 {
      let chunk = 32
      // Queries with keys, these with values; queries with the state; keys and values into it.
      operations += heads * (2 * chunk * chunk * d + 2 * chunk * chunk * d)
      operations += heads * (2 * chunk * d * d + 2 * d * chunk * d)
    }
    #expect(mixer.cost(length: 128).operations * 128 == Double(operations))
    #expect(mixer.cost(length: 4096).operations == mixer.cost(length: 128).operations)
  }

  @Test func `linear attention of learned features makes those, products and a state`() throws {
    let mixer = try StudentCase(
      document: ["mixer": "linear", "featureMap": ["kind": "softmax"]]
    ).freshMixer()
    let (heads, d, f) = (4, 6, 12)
    var operations = 0
    for chunk in 0..<3 {
      let rows = 64
      // Features of queries and keys.
      operations += heads * 2 * (2 * rows * d * d)
      // Features with features, these with values.
      operations += heads * (2 * rows * rows * f + 2 * rows * rows * d)
      // Earlier chunks: their state is read, and the last of them enters it.
      if chunk > 0 { operations += heads * (2 * rows * f * d + 2 * rows * f * d) }
    }
    #expect(mixer.cost(length: 192).operations * 192 == Double(operations))
  }
}

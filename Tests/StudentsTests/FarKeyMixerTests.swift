import Differentiation
import Foundation
import Operations
import Students
import TensorCore
import TestSupport
import Testing

/// What mixers say of the keys that their memories read is what their outputs are made of.
@Suite struct FarKeyMixerTests {
  private func input(_ operands: MixerOperands, on tape: Tape) -> MixerInput {
    operands.input(operands.leaves(on: tape), layout: SequenceLayout(length: operands.rows))
  }

  @Test(arguments: StudentCase.all)
  func `a memory's share is the output where its keys' values are 1 and all others 0`(
    testCase: StudentCase
  ) throws {
    let mixer = try testCase.trainedMixer()
    guard let sharing = mixer as? any FarMassMixer, let keys = sharing.farMassKeys,
      mixer is any AttentionWeightMixer, case .older(let window, let sinks) = keys
    else { return }
    let attention = StudentCase.geometry.attention
    var operands = MixerOperands(attention, rows: 200)
    for query in [0, 9, 64, 101, 199] {
      let far = sinks..<max(sinks, window.start(of: query))
      for row in 0..<200 {
        for column in 0..<attention.keyWidth {
          operands.values[row * attention.keyWidth + column] = far.contains(row) ? 1 : 0
        }
      }
      let tape = Tape(isRecording: false)
      let logits = sharing.farMassLogits(input(operands, on: tape), on: tape).value.elements
      let output = mixer.output(operands).elements
      for head in 0..<attention.queryHeads {
        let share =
          far.isEmpty ? 0 : 1 / (1 + exp(-Double(logits[query * attention.queryHeads + head])))
        let found = Double(output[query * attention.queryWidth + head * attention.headDim])
        #expect(abs(found - share) < 1e-5, "query \(query), head \(head)")
      }
    }
  }

  /// Maps without kinks: a step over one says nothing of a slope.
  private static let smoothCases = StudentCase.all.filter { testCase in
    let maps = [testCase.document, testCase.document["memory"] ?? .null].compactMap {
      $0["featureMap"]?["kind"]?.stringValue
    }
    return maps.allSatisfy { ["softmax", "exponential", "one-plus-elu"].contains($0) }
  }

  @Test(arguments: smoothCases)
  func `shares move parameters as small steps of them say`(testCase: StudentCase) throws {
    let mixer = try testCase.trainedMixer()
    guard let sharing = mixer as? any FarMassMixer, sharing.farMassKeys != nil else { return }
    let operands = MixerOperands(StudentCase.geometry.attention, rows: 40)
    var draw = TestValues(9)
    let upstream = draw.normal(40 * StudentCase.geometry.attention.queryHeads)
    // Of the last rows: the first have no such key.
    let seed = Tensor(
      upstream.enumerated().map { $0.offset < 80 ? 0 : Float($0.element) }, [40, 4])
    let value = {
      let tape = Tape(isRecording: false)
      let logits = sharing.farMassLogits(input(operands, on: tape), on: tape).value
      return dot(seed.elements, logits.elements.map(Double.init))
    }
    let tape = Tape()
    tape.backward(from: [(sharing.farMassLogits(input(operands, on: tape), on: tape), seed)])
    for parameter in mixer.parameters {
      guard let gradient = parameter.gradient?.elements else { continue }
      let start = parameter.value
      let direction = draw.normal(gradient.count)
      let values = [1.0, -1.0].map { sign in
        parameter.value = Tensor(
          zip(start.elements, direction).map { $0 + Float(sign * 0.004 * $1) }, start.shape)
        return value()
      }
      parameter.value = start
      let slope = (values[0] - values[1]) / 0.008
      let norm = dot(gradient, gradient.map(Double.init)).squareRoot()
      #expect(
        abs(dot(gradient, direction) - slope) < 0.01 * max(norm, 1), "\(parameter.name)")
    }
    #expect(mixer.parameters.contains { $0.gradient != nil })
  }

  @Test(arguments: StudentCase.all)
  func `products of features are the weights of the keys that the memory reads`(
    testCase: StudentCase
  ) throws {
    let mixer = try testCase.trainedMixer()
    guard let weighing = mixer as? any FarWeightMixer else { return }
    let attention = StudentCase.geometry.attention
    let operands = MixerOperands(attention, rows: 150)
    let tape = Tape(isRecording: false)
    let features = weighing.farFeatures(input(operands, on: tape), on: tape)
    let (phiQ, phiK) = (features.queries.value.elements, features.keys.value.elements)
    let f = phiQ.count / 150 / attention.queryHeads
    let memory = (mixer as? any HybridMixer)?.only(.memory) ?? mixer
    let output = memory.output(operands).elements
    for (query, head) in [(149, 0), (149, 3), (140, 1)] {
      let far =
        switch weighing.farKeys {
        case .all: 0..<query + 1
        case .older(let window, let sinks): sinks..<window.start(of: query)
        }
      let row = { (x: Int) in (x * attention.queryHeads + head) * f }
      let products = far.map { key in
        (0..<f).reduce(0.0) { $0 + Double(phiQ[row(query) + $1]) * Double(phiK[row(key) + $1]) }
      }
      let values = (0..<attention.headDim).map { column in
        zip(far, products).reduce(0.0) { sum, next in
          let place = next.0 * attention.keyWidth + head / attention.group * attention.headDim
          return sum + next.1 * operands.values[place + column]
        } / products.reduce(0, +)
      }
      let start = query * attention.queryWidth + head * attention.headDim
      let found = Array(output[start..<start + attention.headDim])
      #expect(relativeRMS(found, values) < 2e-4, "query \(query), head \(head)")
    }
  }
}

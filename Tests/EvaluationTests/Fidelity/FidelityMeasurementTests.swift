import Differentiation
import Documents
import Foundation
import Results
import Students
import TensorCore
import TestSupport
import Testing
import Transformers

@testable import Evaluation
@testable import Operations

/// Softmax attention that says nothing of being it, scaled: a mixer that can only be probed.
private final class DisguisedSoftmax: AttentionWeightMixer {
  private let softmax: SoftmaxAttentionMixer
  private let factor: Float

  init(_ softmax: SoftmaxAttentionMixer, factor: Float = 1) {
    self.softmax = softmax
    self.factor = factor
  }

  var parameters: [Parameter] { [] }
  func makeMemory() -> Memory { softmax.makeMemory() }
  func cost(length: Int) -> MixerCost { softmax.cost(length: length) }
  func forward(_ input: MixerInput, memory: inout Memory?, on tape: Tape) -> Variable {
    tape.constant(
      scaled(softmax.forward(input, memory: &memory, on: tape).value, by: factor))
  }
}

@Suite struct FidelityMeasurementTests {
  private func disguised(_ decoder: Decoder, layers: [Int] = [0, 1], factor: Float = 1) -> Decoder {
    let student = Decoder(configuration: decoder.configuration, weights: decoder.weights)
    for layer in student.layers where layers.contains(layer.index) {
      layer.mixer = DisguisedSoftmax(layer.teacherMixer, factor: factor)
    }
    return student
  }

  private func linearized(_ decoder: Decoder, _ document: JSONValue) throws -> Decoder {
    let student = Decoder(configuration: decoder.configuration, weights: decoder.weights)
    let specification = try DocumentReader.read(document) { StudentSpecification($0) }
    try student.install(specification, seed: 3, location: "test")
    return student
  }

  private static let window: JSONValue = [
    "mixer": "sliding-window", "windowSize": 4, "featureMap": ["kind": "softmax"],
  ]

  @Test func `The teacher's own attention in disguise is told from it by nothing`() throws {
    let teacher = try tinyDecoder()
    let result = FidelityMeasurement(teacher: teacher, student: disguised(teacher)).run([
      EvaluationSequence(tokens: randomTokens(40, seed: 1))
    ])
    #expect(result.layers.map(\.index) == [0, 1])
    for head in result.layers.flatMap(\.heads) {
      #expect(head.meanSquaredError == 0)
      #expect(head.relativeError == 0)
      #expect(abs(head.divergence) < 1e-6)
      #expect(head.monotonicity > 1 - 1e-6)
      #expect(abs(head.teacherEntropy - head.studentEntropy) < 1e-6)
      #expect(abs(head.teacherReach - head.studentReach) < 1e-5)
      #expect(head.teacherEntropy > 0.1)
    }
    #expect(result.logitDivergence == 0)
    #expect(result.topAgreement == 1)
    #expect(result.tokens == 40)
    for map in result.maps {
      #expect(relativeRMS(map.student, map.teacher.map(Double.init)) < 1e-6)
    }
  }

  @Test(arguments: ["rad-rwkv6", "rad-rwkv7", "qlinatt"])
  func `A student without attention weights is measured by its outputs alone`(mixer: String)
    throws
  {
    let teacher = try tinyDecoder()
    let isRotary = teacher.layers[0].geometry.hasRotaryPositions
    let student = try linearized(teacher, ["mixer": .string(mixer), "rotary": .bool(isRotary)])
    let result = FidelityMeasurement(teacher: teacher, student: student).run([
      EvaluationSequence(tokens: randomTokens(30, seed: 2))
    ])
    #expect(result.maps.isEmpty)
    for head in result.layers.flatMap(\.heads) {
      #expect(head.relativeError > 1e-3 && head.relativeError.isFinite)
      #expect(head.teacherEntropy > 0.1 && head.teacherReach > 0)
      for number in [head.divergence, head.studentEntropy, head.monotonicity, head.studentReach] {
        #expect(number.isNaN)
      }
    }
    let rows = AblatedDecoders(student: student, teacher: teacher).rows
    #expect(rows.map(\.variant) == [.noAttention, .teacherWindowSinks])
  }

  @Test func `Half of the attention keeps its shape and loses half of its output`() throws {
    let teacher = try tinyDecoder()
    let result = FidelityMeasurement(
      teacher: teacher, student: disguised(teacher, layers: [1], factor: 0.5)
    ).run([EvaluationSequence(tokens: randomTokens(30, seed: 2))])
    #expect(result.layers.map(\.index) == [1])
    for head in result.layers.flatMap(\.heads) {
      #expect(abs(head.relativeError - 0.25) < 1e-6)
      #expect(abs(head.divergence) < 1e-6)
      #expect(head.monotonicity > 1 - 1e-6)
    }
    #expect(try #require(result.logitDivergence) > 1e-6)
    let map = try #require(result.maps.first)
    #expect(relativeRMS(map.student, map.teacher.map { Double($0) / 2 }) < 1e-6)
  }

  @Test func `Keys outside the teacher's own window have no part in the monotonicity`() throws {
    let whole = try tinyDecoder()
    var configuration = whole.configuration
    configuration.slidingWindows = [5, nil]
    let teacher = Decoder(configuration: configuration, weights: whole.weights)
    let tokens = [EvaluationSequence(tokens: randomTokens(30, seed: 6))]
    let same = FidelityMeasurement(teacher: teacher, student: disguised(teacher)).run(tokens)
    for head in same.layers.flatMap(\.heads) {
      #expect(head.monotonicity > 1 - 1e-6)
      #expect(head.teacherReach < 30)
    }
    #expect(same.layers[0].heads.allSatisfy { $0.teacherReach < 4 })
    // A student that looks beyond the window is judged by the window's keys, which it ranks right.
    let student = disguised(teacher)
    student.layers[0].mixer = DisguisedSoftmax(
      SoftmaxAttentionMixer(shape: configuration.attention))
    let wider = FidelityMeasurement(teacher: teacher, student: student).run(tokens).layers[0]
    #expect(wider.heads.allSatisfy { $0.monotonicity > 1 - 1e-6 && $0.studentReach > 4 })
  }

  /// Every number of every head from the definitions, one document at a time, nothing shared.
  private func naive(_ teacher: Decoder, _ student: Decoder, _ documents: [[Int32]])
    -> [[FidelityResult.Head]]
  {
    let shape = teacher.configuration.attention
    let d = shape.headDim
    let tape = Tape(isRecording: false)
    var rows = [[[AttentionRow]]](repeating: Array(repeating: [], count: 2), count: 2)
    var errors = [[Double]](repeating: [0, 0], count: 2)
    var squares = errors
    var count = 0.0
    for tokens in documents {
      let layout = SequenceLayout(length: tokens.count)
      var x = tape.constant(teacher.embed(tokens, layout: layout))
      for layer in teacher.layers {
        let input = LayerVisit(layer, stream: x, ForwardPass(layout, on: tape)).input
        let other = student.layers[layer.index]
        let otherInput = LayerVisit(other, stream: x, ForwardPass(layout, on: tape)).input
        let output = layer.teacherMixer.forward(input, on: tape)
        let outputs = [output.value, other.mixer.forward(otherInput, on: tape).value].map(
          \.elements)
        for head in 0..<2 {
          func vector(_ x: Variable, _ row: Int, _ head: Int, _ heads: Int) -> [Double] {
            x.value.elements[(row * heads + head) * d..<(row * heads + head + 1) * d]
              .map(Double.init)
          }
          func product(_ input: MixerInput, _ query: Int, _ key: Int) -> Double {
            zip(vector(input.queries, query, head, 2), vector(input.keys, key, 0, 1))
              .reduce(0) { $0 + $1.0 * $1.1 }
          }
          // The student's weights, one key at a time: its output for a value of ones there alone.
          let student = tokens.indices.map { key in
            var values = [Float](repeating: 0, count: tokens.count * d)
            for index in 0..<d { values[key * d + index] = 1 }
            return other.mixer.forward(
              MixerInput(
                queries: otherInput.queries, keys: otherInput.keys,
                values: tape.constant(Tensor(values, [tokens.count, d])), layout: layout), on: tape
            ).value.elements
          }
          for query in tokens.indices {
            let products = (0...query).map { product(otherInput, query, $0) }
            rows[layer.index][head].append(
              NaiveRow.row(
                teacher: (0...query).map {
                  exp(Double(shape.scale) * product(input, query, $0))
                },
                student: (0...query).map { Double(student[$0][(query * 2 + head) * d]) },
                products: products))
            for index in 0..<d {
              let place = (query * 2 + head) * d + index
              let expected = Double(outputs[0][place])
              errors[layer.index][head] += pow(Double(outputs[1][place]) - expected, 2)
              squares[layer.index][head] += expected * expected
            }
          }
        }
        x = layer.finish(x, attention: output, on: tape)
      }
      count += Double(tokens.count * d)
    }
    return (0..<2).map { layer in
      (0..<2).map { head in
        let rows = rows[layer][head]
        func mean(_ value: (AttentionRow) -> Double?) -> Double {
          let values = rows.compactMap(value)
          return values.reduce(0, +) / Double(values.count)
        }
        return FidelityResult.Head(
          meanSquaredError: errors[layer][head] / count,
          relativeError: errors[layer][head] / squares[layer][head],
          divergence: mean(\.divergence), teacherEntropy: mean(\.teacherEntropy),
          studentEntropy: mean(\.studentEntropy), monotonicity: mean(\.monotonicity),
          teacherReach: mean(\.teacherReach), studentReach: mean(\.studentReach))
      }
    }
  }

  private func expectEqual(_ layers: [FidelityResult.Layer], _ expected: [[FidelityResult.Head]]) {
    #expect(layers.count == expected.count)
    for (layer, heads) in zip(layers, expected) {
      for (head, expected) in zip(layer.heads, heads) {
        for path in [
          \FidelityResult.Head.meanSquaredError, \.relativeError, \.divergence, \.teacherEntropy,
          \.studentEntropy, \.monotonicity, \.teacherReach, \.studentReach,
        ] {
          #expect(
            abs(head[keyPath: path] - expected[keyPath: path])
              < 2e-5 * max(0.1, abs(expected[keyPath: path])), "\(path)")
        }
      }
    }
  }

  @Test(arguments: [
    window, ["mixer": "linear", "featureMap": ["kind": "relu"]],
    [
      "mixer": "terrace-window", "windowSize": 3, "sinks": 2, "featureMap": ["kind": "softmax"],
    ],
  ])
  func `Every number of every head equals its definition, over several documents`(
    student document: JSONValue
  ) throws {
    let teacher = try tinyDecoder()
    let student = try linearized(teacher, document)
    let documents = [9, 21].map { randomTokens($0, seed: UInt64($0)) }
    let packed = EvaluationSequence(
      tokens: documents[0] + documents[1] + [0],
      targets: [Int32](repeating: ignoredTarget, count: 31),
      layout: SequenceLayout(
        rows: 31, segments: [.init(start: 0, count: 9), .init(start: 9, count: 21)]))
    let result = FidelityMeasurement(teacher: teacher, student: student).run([packed])
    expectEqual(result.layers, naive(teacher, student, documents))
    #expect(result.tokens == 30)
  }

  @Test func `Predictions are told apart by the length of their context`() throws {
    let teacher = try tinyDecoder()
    let student = try linearized(teacher, Self.window)
    let tokens = randomTokens(16, seed: 4)
    let layout = SequenceLayout(
      rows: 16,
      segments: [.init(start: 0, count: 10), .init(start: 10, count: 6, firstPosition: 62)])
    let sequence = EvaluationSequence(
      tokens: tokens, targets: [Int32](repeating: ignoredTarget, count: 16), layout: layout)
    let result = FidelityMeasurement(teacher: teacher, student: student).run([sequence])
    #expect(result.positions.map(\.first) == [0, 64])
    #expect(result.positions.map(\.tokens) == [12, 4])
    let hidden = [teacher, student].map {
      $0.hiddenStates(tokens, layout: layout, on: Tape(isRecording: false)).value
    }
    let (rows, _) = linearKLDivergence(
      hidden[0], head: teacher.head, to: hidden[1], head: student.head)
    #expect(abs(result.positions[1].divergence - rows[12...].reduce(0, +) / 4) < 1e-12)
    #expect(abs(try #require(result.logitDivergence) - rows.reduce(0, +) / 16) < 1e-12)
  }

  @Test func `Adapters of the student are part of what is compared`() throws {
    let teacher = try tinyDecoder()
    let student = try linearized(teacher, Self.window)
    student.addAdapters([.queries, .keys, .values], rank: 2, alpha: 4, dropout: 0, seed: 1)
    for layer in student.layers {
      for adapter in layer.adapters.values {
        var draw = TestValues(UInt64(layer.index) + 2)
        adapter.b.value = Tensor(
          draw.normal(adapter.b.value.count, scale: 0.5).map(Float.init), adapter.b.value.shape)
      }
    }
    let tokens = randomTokens(25, seed: 9)
    let result = FidelityMeasurement(teacher: teacher, student: student).run([
      EvaluationSequence(tokens: tokens)
    ])
    let expected = naive(teacher, student, [tokens])
    expectEqual(result.layers, expected)
    let plain = naive(teacher, try linearized(teacher, Self.window), [tokens])
    #expect(abs(expected[0][0].divergence - plain[0][0].divergence) > 1e-3)
  }

  @Test func `Logits are compared over all tokens, rows over the first`() throws {
    let teacher = try tinyDecoder()
    let student = try linearized(teacher, Self.window)
    let tokens = randomTokens(60, seed: 3)
    let result = FidelityMeasurement(
      teacher: teacher, student: student, options: FidelityOptions(rowTokens: 20)
    ).run([EvaluationSequence(tokens: tokens)])
    expectEqual(result.layers, naive(teacher, student, [Array(tokens[..<20])]))

    let logits = [teacher, student].map { decoder in
      decoder.logits(
        decoder.hiddenStates(
          tokens, layout: SequenceLayout(length: 60), on: Tape(isRecording: false)
        ).value
      ).elements.map(Double.init)
    }
    var (divergence, agreements) = (0.0, 0)
    for row in 0..<60 {
      let lines = logits.map { Array($0[row * 40..<(row + 1) * 40]) }
      let logs = lines.map { line in
        let total = log(line.reduce(0) { $0 + exp($1) })
        return line.map { $0 - total }
      }
      divergence += zip(logs[0], logs[1]).reduce(0) { $0 + exp($1.0) * ($1.0 - $1.1) }
      agreements +=
        lines[0].firstIndex(of: lines[0].max()!)
          == lines[1].firstIndex(of: lines[1].max()!) ? 1 : 0
    }
    let found = try #require(result.logitDivergence)
    #expect(abs(found - divergence / 60) < 1e-5 * divergence / 60)
    #expect(result.topAgreement == Double(agreements) / 60)
    #expect(result.tokens == 60)
    #expect(divergence > 0)
  }

  @Test func `Maps hold both models' weights of the first tokens, a map a converted head`() throws {
    let teacher = try tinyDecoder()
    let student = try linearized(teacher, Self.window)
    let sequences = [1, 2].map { EvaluationSequence(tokens: randomTokens(30, seed: $0)) }
    func maps(_ options: FidelityOptions) -> [FidelityResult.AttentionMap] {
      FidelityMeasurement(teacher: teacher, student: student, options: options).run(sequences).maps
    }
    let fine = maps(FidelityOptions(mappedSequence: 1, mapTokens: 12))
    #expect(fine.map(\.layer) == [0, 0, 1, 1])
    #expect(fine.map(\.head) == [0, 1, 0, 1])
    for map in fine {
      #expect(map.size == 12)
      #expect(map.tokens == 12)
      for weights in [map.teacher, map.student] {
        for row in 0..<12 {
          let line = weights[row * 12..<(row + 1) * 12]
          #expect(abs(line.reduce(0, +) - 1) < 1e-5)
          #expect(line.dropFirst(row + 1).allSatisfy { $0 == 0 })
        }
      }
    }
    let coarse = maps(FidelityOptions(mappedSequence: 1, mapTokens: 12, mapSize: 5))
    for (coarse, fine) in zip(coarse, fine) {
      let expected = attentionBlocks(fine.student, length: 12, tokens: 12, size: 5)
      #expect(coarse.size == 4)
      #expect(relativeRMS(coarse.student, expected.map.map(Double.init)) < 1e-5)
    }
    #expect(maps(FidelityOptions(mappedSequence: 0)) != maps(FidelityOptions(mappedSequence: 1)))
    #expect(maps(FidelityOptions(mappedSequence: nil)).isEmpty)
  }

  @Test func `A decoder without converted layers has logits to compare and no heads`() throws {
    let teacher = try tinyDecoder()
    let result = FidelityMeasurement(teacher: teacher, student: teacher).run([
      EvaluationSequence(tokens: randomTokens(10, seed: 1))
    ])
    #expect(result.layers.isEmpty)
    #expect(result.maps.isEmpty)
    #expect(result.topAgreement == 1)
  }

  @Test func `Progress counts every pass, and what it throws ends the measurement`() throws {
    struct Stop: Error {}
    let teacher = try tinyDecoder()
    let sequences = [4, 5, 6].map { EvaluationSequence(tokens: randomTokens($0, seed: 1)) }
    let measurement = FidelityMeasurement(teacher: teacher, student: disguised(teacher))
    var calls: [[Int]] = []
    _ = measurement.run(sequences) { calls.append([$0, $1]) }
    #expect(calls == (1...6).map { [$0, 6] })
    #expect(throws: Stop.self) {
      try measurement.run(sequences) { done, _ in if done == 2 { throw Stop() } }
    }
  }
}

import Differentiation
import Documents
import Operations
import Students
import TensorCore
import TestSupport
import Testing
import Transformers

@Suite struct LowRankAdapterTests {
  private let layout = SequenceLayout(
    rows: 26, segments: [.init(start: 1, count: 9), .init(start: 10, count: 15)])

  private func student(
    _ golden: TeacherGolden, mixer: String = "sliding-window", dropout: Float = 0
  ) throws -> Decoder {
    let decoder = try StudentOnTeacher(golden: golden, mixer: mixer).decoder()
    decoder.addAdapters(
      AttentionProjection.allCases, rank: 4, alpha: 6, dropout: dropout, seed: 9)
    return decoder
  }

  /// Moves B off its zeros, as training would.
  private func train(_ decoder: Decoder) {
    var draw = TestValues(31)
    for (_, parameter) in decoder.parameters where parameter.name.hasSuffix("lora_B.weight") {
      let values = draw.normal(parameter.value.count, scale: 0.2)
      parameter.value = Tensor(values.map(Float.init), parameter.value.shape)
    }
  }

  private func tokens(_ golden: TeacherGolden) throws -> [Int32] {
    let sequences = try golden.tokens()
    return [0] + sequences[0][..<9] + sequences[1][..<15] + [0]
  }

  @Test(arguments: TeacherGolden.all)
  func `adapters start without effect`(golden: TeacherGolden) throws {
    let tokens = try golden.tokens()[0]
    let plain = try StudentOnTeacher(golden: golden, mixer: "sliding-window").decoder()
    #expect(try student(golden).logits(tokens).elements == plain.logits(tokens).elements)
  }

  @Test func `an adapter adds (alpha / rank) B A to its projection, and to no other`() throws {
    let golden = TeacherGolden("llama")
    let tokens = try golden.tokens()[0]
    for projection in AttentionProjection.allCases {
      let adapted = try StudentOnTeacher(golden: golden, mixer: "linear").decoder()
      adapted.addAdapters([projection], rank: 3, alpha: 5, dropout: 0, seed: 9)
      train(adapted)
      let names = adapted.layers[0].adapters.keys.map(\.checkpointName)
      #expect(names == [projection.checkpointName])

      let merged = try StudentOnTeacher(golden: golden, mixer: "linear").decoder()
      for layer in merged.layers {
        let adapter = try #require(adapted.layers[layer.index].adapters[projection])
        #expect(adapter.scale == 5.0 / 3)
        var weight = layer.projection(projection).weight.tensor.elements
        let (a, b) = (adapter.a.value.elements, adapter.b.value.elements)
        let (outputs, inputs) = (adapter.b.value.shape[0], adapter.a.value.shape[1])
        for row in 0..<outputs {
          for column in 0..<inputs {
            let sum = (0..<3).reduce(0) { $0 + b[row * 3 + $1] * a[$1 * inputs + column] }
            weight[row * inputs + column] += 5.0 / 3 * sum
          }
        }
        merged.replaceWeight(
          "model.layers.\(layer.index).self_attn.\(projection.checkpointName).weight",
          with: Tensor(weight, [outputs, inputs]))
      }
      let found = adapted.logits(tokens).elements
      #expect(relativeRMS(found, merged.logits(tokens).doubles) < 1e-5, "\(projection)")
      let plain = try StudentOnTeacher(golden: golden, mixer: "linear").decoder().logits(tokens)
      #expect(relativeRMS(found, plain.doubles) > 1e-3, "\(projection)")
    }
  }

  @Test(arguments: TeacherGolden.all)
  func `merged weights compute what the adapters computed`(golden: TeacherGolden) throws {
    let decoder = try student(golden)
    train(decoder)
    let tokens = try golden.tokens()[0]
    let adapted = decoder.logits(tokens).doubles
    let decoded = DecodingSession(decoder).logits(after: tokens).doubles
    decoder.mergeAdapters()
    #expect(decoder.layers.allSatisfy { $0.adapters.isEmpty })
    #expect(decoder.ownWeights.count == 4 * decoder.layers.count)
    #expect(!decoder.parameters.contains { $0.name.contains("lora") })
    #expect(relativeRMS(decoder.logits(tokens).elements, adapted) < 1e-5)
    #expect(
      relativeRMS(DecodingSession(decoder).logits(after: tokens).elements, decoded) < 1e-5)
  }

  @Test func `adapters that are merged one after another add up`() throws {
    let golden = TeacherGolden("qwen2")
    let tokens = try golden.tokens()[0]
    let decoder = try student(golden)
    train(decoder)
    decoder.mergeAdapters()
    let first = decoder.logits(tokens).doubles
    decoder.addAdapters([.values], rank: 2, alpha: 2, dropout: 0, seed: 10)
    #expect(decoder.logits(tokens).doubles == first)
    train(decoder)
    let second = decoder.logits(tokens).doubles
    decoder.mergeAdapters()
    #expect(relativeRMS(decoder.logits(tokens).elements, second) < 1e-5)
    #expect(relativeRMS(decoder.logits(tokens).elements, first) > 1e-3)
  }

  @Test func `layers that keep softmax get no adapters`() throws {
    let decoder = try StudentOnTeacher(golden: TeacherGolden("llama"), mixer: "linear")
      .decoder(softmaxLayers: [0])
    decoder.addAdapters([.queries, .keys], rank: 2, alpha: 2, dropout: 0, seed: 1)
    #expect(decoder.layers[0].adapters.isEmpty)
    #expect(
      decoder.parameters.map(\.name).filter { $0.contains("lora") }
        == ["q_proj", "k_proj"].flatMap { projection in
          ["A", "B"].map { "model.layers.1.self_attn.\(projection).lora_\($0).weight" }
        })
  }

  // MARK: Gradients

  /// Gradients of `sum(hidden * upstream)`, in the order of the parameters; nil of what a mixer does
  /// not read.
  private func gradients(
    _ decoder: Decoder, _ tokens: [Int32], upstream: [Double], isCheckpointed: Bool
  ) -> [Tensor?] {
    for (_, parameter) in decoder.parameters { parameter.gradient = nil }
    let tape = Tape()
    let hidden = decoder.hiddenStates(
      tokens, layout: layout, on: tape, isCheckpointed: isCheckpointed)
    tape.backward(from: [(hidden, Tensor(upstream.map(Float.init), hidden.value.shape))])
    return decoder.parameters.map(\.parameter.gradient)
  }

  private func upstream(_ decoder: Decoder) -> [Double] {
    var draw = TestValues(37)
    return draw.normal(layout.rows * decoder.configuration.hiddenSize)
  }

  @Test(arguments: TeacherGolden.all)
  func `checkpointed layers give the same gradients to the bit, also with dropout`(
    golden: TeacherGolden
  ) throws {
    let decoder = try student(golden, dropout: 0.25)
    train(decoder)
    for adapter in decoder.layers.flatMap(\.adapters.values) { adapter.step = 12 }
    let tokens = try tokens(golden)
    let kept = gradients(
      decoder, tokens, upstream: upstream(decoder), isCheckpointed: false)
    let again = gradients(
      decoder, tokens, upstream: upstream(decoder), isCheckpointed: true)
    #expect(kept.map { $0?.elements } == again.map { $0?.elements })
    #expect(kept.allSatisfy { $0?.elements.contains { $0 != 0 } == true })
  }

  @Test func `dropout draws by step and layer, and only while a step is set`() throws {
    let golden = TeacherGolden("llama")
    let decoder = try student(golden, dropout: 0.5)
    train(decoder)
    let tokens = try golden.tokens()[0]
    let adapters = decoder.layers.flatMap(\.adapters.values)
    let without = decoder.logits(tokens).elements
    #expect(without == decoder.logits(tokens).elements)
    for adapter in adapters { adapter.step = 1 }
    let first = decoder.logits(tokens).elements
    #expect(first == decoder.logits(tokens).elements)
    for adapter in adapters { adapter.step = 2 }
    let second = decoder.logits(tokens).elements
    #expect(first != second)
    #expect(first != without)
    for adapter in adapters { adapter.step = nil }
    #expect(decoder.logits(tokens).elements == without)
  }

  @Test(arguments: StudentOnTeacher.all.filter { ["llama", "gpt2"].contains($0.golden.name) })
  func `gradients of adapters and mixers equal differences of the whole model's outputs`(
    testCase: StudentOnTeacher
  ) throws {
    let decoder = try student(testCase.golden, mixer: testCase.mixer)
    train(decoder)
    let tokens = try tokens(testCase.golden)
    let upstream = upstream(decoder)
    let found = gradients(decoder, tokens, upstream: upstream, isCheckpointed: false)
    // Of a gradient shorter than this, rounding leaves too little to compare.
    let shortest = testCase.mixer == "rad-rwkv7" ? 0.4 : 0.1
    var draw = TestValues(41)
    for ((name, parameter), gradient) in zip(decoder.parameters, found) {
      let norm = gradient.map { dot($0.elements, $0.doubles).squareRoot() } ?? 0
      let value = parameter.value
      let direction = draw.normal(value.count)
      // Where the output is steep it also bends, and a short step stands out of the rounding; where
      // it is flat a long one does.
      let length = norm > 100 ? 1e-4 : norm < shortest ? 4e-3 : 1e-3
      let slope =
        numericalGradient(at: [0], step: length) { step in
          parameter.value = Tensor(
            zip(value.elements, direction).map { $0 + Float(step[0] * $1) }, value.shape)
          let hidden = decoder.hiddenStates(
            tokens, layout: layout, on: Tape(isRecording: false)
          ).value
          return dot(hidden.elements, upstream)
        }[0]
      parameter.value = value
      guard let gradient else {
        #expect(slope == 0, "\(name) has no gradient, but moves the outputs")
        continue
      }
      let difference = abs(dot(gradient.elements, direction) - slope)
      #expect(difference < 1e-2 * max(norm, shortest), "\(name): \(slope), norm \(norm)")
    }
  }
}

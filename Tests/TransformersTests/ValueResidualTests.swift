import Differentiation
import Documents
import Operations
import Students
import TensorCore
import TestSupport
import Testing

@testable import Transformers

/// RAD-RWKV7's values of the first layer on their way through a decoder.
@Suite struct ValueResidualTests {
  private let tokens = (0..<24).map { Int32($0 * 7 % 90) }

  /// Of layers whose mixers have left their starts.
  private func student(softmaxLayers: [JSONValue] = [], _ name: String = "llama") throws
    -> Decoder
  {
    let decoder = try StudentOnTeacher(golden: TeacherGolden(name), mixer: "rad-rwkv7").decoder(
      softmaxLayers: softmaxLayers)
    var draw = TestValues(3)
    for (_, parameter) in decoder.parameters {
      let moves = draw.normal(parameter.value.count, scale: 0.2)
      parameter.value = Tensor(
        zip(parameter.value.elements, moves).map { $0 + Float($1) }, parameter.value.shape)
    }
    return decoder
  }

  private func gradients(_ decoder: Decoder, isCheckpointed: Bool) -> [String: [Float]] {
    for (_, parameter) in decoder.parameters { parameter.gradient = nil }
    let tape = Tape()
    let hidden = decoder.hiddenStates(
      tokens, layout: SequenceLayout(length: 24), on: tape, isCheckpointed: isCheckpointed)
    _ = decoder.crossEntropy(
      hidden, targets: Array(tokens.dropFirst()) + [ignoredTarget], gradientScale: 1, on: tape)
    return Dictionary(
      uniqueKeysWithValues: decoder.parameters.compactMap { name, parameter in
        parameter.gradient.map { (name, $0.elements) }
      })
  }

  @Test
  func `checkpointed layers give the same gradients to the bit, those of the first values too`()
    throws
  {
    let decoder = try student()
    decoder.unfreezeWeights()
    let kept = gradients(decoder, isCheckpointed: false)
    #expect(kept == gradients(decoder, isCheckpointed: true))
    #expect(kept.count == decoder.parameters.count)
  }

  @Test func `the first layer's value projection learns from the layers above as differences say`()
    throws
  {
    let decoder = try student()
    let name = "model.layers.0.self_attn.v_proj.weight"
    decoder.unfreezeWeights { $0 == name }
    let gradient = try #require(gradients(decoder, isCheckpointed: true)[name])
    let parameter = try #require(decoder.parameters.first { $0.name == name }).parameter
    let value = parameter.value
    let loss = {
      let tape = Tape(isRecording: false)
      let hidden = decoder.hiddenStates(self.tokens, layout: SequenceLayout(length: 24), on: tape)
      return decoder.crossEntropy(
        hidden, targets: Array(self.tokens.dropFirst()) + [ignoredTarget], gradientScale: nil,
        on: tape
      ).reduce(0.0) { $0 + Double($1) }
    }
    let norm = dot(gradient, gradient.map(Double.init)).squareRoot()
    var draw = TestValues(5)
    for _ in 0..<3 {
      let direction = draw.normal(gradient.count)
      let slope =
        numericalGradient(at: [0], step: 2e-3) { step in
          parameter.value = Tensor(
            zip(value.elements, direction).map { $0 + Float(step[0] * $1) }, value.shape)
          return loss()
        }[0]
      parameter.value = value
      #expect(abs(dot(gradient, direction) - slope) < 2e-2 * norm)
    }
  }

  @Test func `where layer 0 keeps softmax, the next is the first, and mixes nothing in`() throws {
    let decoder = try student(softmaxLayers: [0])
    let before = decoder.logits(tokens).elements
    let mix = try #require(
      decoder.parameters.first { $0.name == "model.layers.1.self_attn.v0" }
    ).parameter
    mix.value = Tensor(repeating: -3, mix.value.shape)
    #expect(decoder.logits(tokens).elements == before)
    let all = try student()
    let mixed = all.logits(tokens).elements
    let other = try #require(
      all.parameters.first { $0.name == "model.layers.1.self_attn.v0" }
    ).parameter
    other.value = Tensor(repeating: -3, other.value.shape)
    #expect(all.logits(tokens).elements != mixed)
  }
}

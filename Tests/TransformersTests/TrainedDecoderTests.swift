import Checkpoints
import Differentiation
import Operations
import Students
import TensorCore
import TestSupport
import Testing

@testable import Transformers

/// Decoders whose own weights are trained, held against autograd's gradients of the same models
/// (scripts/goldens/gradients.py).
@Suite struct TrainedDecoderTests {
  private static let layout = SequenceLayout(
    rows: 48, segments: [.init(start: 0, count: 24), .init(start: 24, count: 24)])

  /// Gradients of the mean loss, by the names that the decoder gives its weights.
  private func gradients(
    _ decoder: Decoder, _ golden: TeacherGolden, isCheckpointed: Bool = false
  ) throws -> (loss: Double, gradients: [(name: String, tensor: Tensor)]) {
    let sequences = try golden.tokens()
    let targets = sequences.flatMap { $0.dropFirst() + [ignoredTarget] }
    for (_, parameter) in decoder.parameters { parameter.gradient = nil }
    let tape = Tape()
    let hidden = decoder.hiddenStates(
      sequences.flatMap { $0 }, layout: Self.layout, on: tape, isCheckpointed: isCheckpointed)
    let losses = decoder.crossEntropy(hidden, targets: targets, gradientScale: 1 / 46, on: tape)
    let found = decoder.parameters.compactMap { name, parameter in
      parameter.gradient.map { (name: name, tensor: $0) }
    }
    return (losses.reduce(0) { $0 + Double($1) } / 46, found)
  }

  private func golden(_ golden: TeacherGolden) throws -> [String: [Double]] {
    let file = try SafetensorsFile(
      TeacherGolden.folder.appendingPathComponent("gradients/\(golden.name).safetensors").path)
    return try Dictionary(
      uniqueKeysWithValues: file.tensors.map { ($0.name, try file.stored($0).widened().doubles) })
  }

  @Test(arguments: TeacherGolden.all)
  func `loss and gradients of every weight are autograd's, at their places in the checkpoint`(
    testCase: TeacherGolden
  ) throws {
    let decoder = try testCase.teacher()
    decoder.unfreezeWeights()
    let (loss, found) = try gradients(decoder, testCase)
    #expect(found.map(\.name) == decoder.weightShapes.map(\.name))
    var expected = try golden(testCase)
    let removed = expected.removeValue(forKey: "loss")
    let expectedLoss = try #require(removed)
    #expect(relativeRMS([Float(loss)], expectedLoss) < 1e-6)
    // The checkpoint that would hold the gradients in place of the weights.
    for (name, gradient) in found { decoder.replaceWeight(name, with: gradient) }
    let placed = decoder.checkpointTensors(try testCase.source().tensors)
    #expect(Set(placed.keys) == Set(expected.keys))
    for (name, expected) in expected {
      let elements = try #require(placed[name], "\(name)").widened().elements
      let step = (elements.count + 255) / 256
      let picked = stride(from: 0, to: elements.count, by: step).map { elements[$0] }
      #expect(relativeRMS(picked, expected) < 2e-5, "\(name)")
    }
  }

  @Test(arguments: TeacherGolden.all)
  func `checkpointed layers give the same gradients to the bit`(testCase: TeacherGolden) throws {
    let decoder = try testCase.teacher()
    decoder.unfreezeWeights()
    let kept = try gradients(decoder, testCase)
    let again = try gradients(decoder, testCase, isCheckpointed: true)
    #expect(kept.loss == again.loss)
    for (left, right) in zip(kept.gradients, again.gradients) {
      #expect(left.tensor.elements == right.tensor.elements, "\(left.name)")
    }
  }

  @Test(arguments: TeacherGolden.all)
  func `a decoder with its own copy of the weights computes what the frozen one does, to the bit`(
    testCase: TeacherGolden
  ) throws {
    let tokens = try testCase.tokens()[0]
    let frozen = try testCase.teacher()
    let own = try testCase.teacher()
    own.unfreezeWeights()
    #expect(own.logits(tokens).elements == frozen.logits(tokens).elements)
    let decoded = [frozen, own].map { DecodingSession($0).logits(after: tokens).elements }
    #expect(decoded[0] == decoded[1])
    let recorded = own.hiddenStates(tokens, layout: SequenceLayout(length: 24), on: Tape())
    let read = frozen.hiddenStates(
      tokens, layout: SequenceLayout(length: 24), on: Tape(isRecording: false))
    #expect(recorded.value.elements == read.value.elements)
  }

  @Test(arguments: TeacherGolden.all + TeacherGolden.encoders)
  func `own weights go back to their places in the checkpoint`(testCase: TeacherGolden) throws {
    let decoder = try testCase.teacher()
    let tensors = try testCase.source().tensors
    #expect(Set(decoder.checkpointTensors(tensors).keys) == Set(tensors.keys))
    decoder.unfreezeWeights()
    let written = decoder.checkpointTensors(tensors)
    #expect(Set(written.keys) == Set(tensors.keys))
    for (name, tensor) in tensors {
      let found = try #require(written[name])
      let isUnused = BERT.isIgnorable(name)
      #expect(isUnused || found.elementType == .float32, "\(name)")
      #expect(found.shape == tensor.shape && found.widened().elements == tensor.widened().elements)
    }
  }

  @Test(arguments: ["qwen2", "gpt2"])
  func `an untied head shares the tied table's gradient with it`(name: String) throws {
    let testCase = TeacherGolden(name)
    let tied = try testCase.teacher()
    tied.unfreezeWeights()
    #expect(tied.isHeadTied)
    let whole = try gradients(tied, testCase)
    let untied = try testCase.teacher()
    untied.unfreezeWeights(untiesHead: true)
    #expect(!untied.isHeadTied)
    let parts = try gradients(untied, testCase)
    #expect(parts.loss == whole.loss)
    let table = try #require(whole.gradients.first { $0.name == "model.embed_tokens.weight" })
    let shares = parts.gradients.filter {
      ["model.embed_tokens.weight", "lm_head.weight"].contains($0.name)
    }
    #expect(shares.count == 2 && parts.gradients.count == whole.gradients.count + 1)
    let total = sum(shares[0].tensor, shares[1].tensor)
    #expect(relativeRMS(total.elements, table.tensor.doubles) < 1e-6)
    // A checkpoint of it has a head, and untying twice changes nothing.
    let tensors = untied.checkpointTensors(try testCase.source().tensors)
    #expect(tensors["lm_head.weight"]?.shape == untied.weights.head!.shape)
    let parameters = untied.parameters.map(\.parameter)
    untied.unfreezeWeights(untiesHead: true)
    #expect(zip(untied.parameters, parameters).allSatisfy { $0.parameter === $1 })
  }

  @Test func `exactly the wanted weights are trained, with the gradients that they have among all`()
    throws
  {
    for testCase in [TeacherGolden("gpt2"), TeacherGolden("qwen2"), TeacherGolden("qwen3")] {
      let whole = try testCase.teacher()
      whole.unfreezeWeights()
      let all = Dictionary(
        uniqueKeysWithValues: try gradients(whole, testCase).gradients.map { ($0.name, $0.tensor) })
      for wanted in [
        "bias", "norm", "q_proj", "layers.1.mlp.up_proj.weight", "embed_tokens", "k_norm",
      ] {
        let decoder = try testCase.teacher()
        decoder.unfreezeWeights { $0.contains(wanted) }
        let names = decoder.weightShapes.map(\.name).filter { $0.contains(wanted) }
        #expect(decoder.parameters.map(\.name) == names)
        if names.isEmpty { continue }
        let found = try gradients(decoder, testCase).gradients
        #expect(found.map(\.name) == names)
        for (name, gradient) in found {
          #expect(relativeRMS(gradient.elements, all[name]!.doubles) < 1e-5, "\(name)")
        }
      }
      whole.unfreezeWeights { $0.hasPrefix("model.layers.0.") }
      let first = try gradients(whole, testCase).gradients
      #expect(!first.isEmpty && first.allSatisfy { $0.name.hasPrefix("model.layers.0.") })
    }
  }

  @Test func `weights move with their gradients, and the checkpoint's decoder stays what it was`()
    throws
  {
    for testCase in [TeacherGolden("llama-linear-tied"), TeacherGolden("gpt-neox-parallel")] {
      let decoder = try testCase.teacher()
      let tokens = try testCase.tokens()[0]
      let before = decoder.logits(tokens).elements
      decoder.unfreezeWeights()
      let (loss, _) = try gradients(decoder, testCase)
      for (_, parameter) in decoder.parameters {
        accumulate(parameter.gradient!, scaledBy: -0.01, into: &parameter.value)
      }
      let lower = try gradients(decoder, testCase).loss
      #expect(lower < loss)
      #expect(decoder.logits(tokens).elements != before)
      #expect(decoder.original.logits(tokens).elements == before)
      #expect(decoder.original.parameters.isEmpty)
      // What else is made of the same weights computes with them too.
      #expect(
        decoder.replacingMixers { _ in nil }.logits(tokens).elements
          == decoder.logits(tokens).elements)
    }
  }

  @Test(arguments: ["llama", "gpt2"])
  func `a student's mixers are trained beside its weights`(name: String) throws {
    let student = try StudentOnTeacher(golden: TeacherGolden(name), mixer: "sliding-window")
      .decoder()
    let mixers = student.parameters.count
    student.unfreezeWeights()
    let (_, found) = try gradients(student, TeacherGolden(name))
    #expect(found.count == mixers + student.weightShapes.count)
    #expect(found.allSatisfy { $0.tensor.elements.contains { $0 != 0 } })
  }
}

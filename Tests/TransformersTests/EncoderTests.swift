import Checkpoints
import Differentiation
import Documents
import Foundation
import Operations
import TensorCore
import TestSupport
import Testing

@testable import Transformers

/// Encoders against transformers (scripts/goldens/families.py, gradients.py). What they have in
/// common with decoders is tested with those.
@Suite struct EncoderTests {
  private static let layout = SequenceLayout(sequences: 2, length: 24)

  @Test(arguments: TeacherGolden.encoders)
  func `gradients of every weight are autograd's, at their places in the checkpoint`(
    golden: TeacherGolden
  ) throws {
    let encoder = try golden.teacher()
    encoder.unfreezeWeights()
    let tape = Tape()
    let hidden = encoder.hiddenStates(
      try golden.tokens().flatMap { $0 }, layout: Self.layout, on: tape)
    let count = hidden.value.count
    let factors = (0..<count).map { cos(Double($0)) / Double(count) }
    let file = try SafetensorsFile(
      TeacherGolden.folder.appendingPathComponent("gradients/\(golden.name).safetensors").path)
    var expected = try Dictionary(
      uniqueKeysWithValues: file.tensors.map { ($0.name, try file.stored($0).widened().doubles) })
    let removed = expected.removeValue(forKey: "loss")
    let loss = try #require(removed)
    #expect(relativeRMS([Float(dot(hidden.value.elements, factors))], loss) < 1e-5)
    tape.backward(from: [(hidden, Tensor(factors.map(Float.init), hidden.value.shape))])
    let parameters = encoder.parameters
    #expect(parameters.map(\.name) == encoder.weightShapes.map(\.name))
    for (name, parameter) in parameters {
      encoder.replaceWeight(name, with: try #require(parameter.gradient, "\(name)"))
    }
    let placed = encoder.checkpointTensors(try golden.source().tensors)
      .filter { !BERT.isIgnorable($0.key) }
    #expect(Set(placed.keys) == Set(expected.keys))
    for (name, expected) in expected {
      let elements = try #require(placed[name], "\(name)").widened().elements
      let step = (elements.count + 255) / 256
      let picked = stride(from: 0, to: elements.count, by: step).map { elements[$0] }
      // What is added to every key of a row cancels in its softmax: the true gradient is 0.
      let floor = name.hasSuffix("key.bias") ? 1e-5 : 1e-30
      #expect(relativeRMS(picked, expected, floor: floor) < 2e-5, "\(name)")
    }
  }

  @Test(arguments: TeacherGolden.encoders)
  func `a text's hidden states do not depend on what is packed beside it`(golden: TeacherGolden)
    throws
  {
    let encoder = try golden.teacher()
    let texts = try golden.tokens()
    let lengths = [24, 1, 7]
    let pieces = [texts[0], [texts[1][0]], Array(texts[1][3..<10])]
    var start = 0
    let segments = lengths.map { length in
      defer { start += length }
      return SequenceLayout.Segment(start: start, count: length)
    }
    let together = encoder.hiddenStates(
      pieces.flatMap { $0 }, layout: SequenceLayout(rows: start, segments: segments),
      on: Tape(isRecording: false)
    ).value.elements
    for (piece, segment) in zip(pieces, segments) {
      let alone = encoder.hiddenStates(
        piece, layout: SequenceLayout(length: piece.count), on: Tape(isRecording: false)
      ).value
      #expect(
        relativeRMS(
          Array(together[segment.start * 32..<(segment.start + segment.count) * 32]),
          alone.doubles) < 1e-6)
    }
  }

  @Test(arguments: TeacherGolden.encoders)
  func `the last token changes what the first one becomes`(golden: TeacherGolden) throws {
    let encoder = try golden.teacher()
    #expect(encoder.configuration.isEncoder && !encoder.configuration.hasHead)
    var tokens = try golden.tokens()[0]
    let read = {
      encoder.hiddenStates(
        tokens, layout: SequenceLayout(length: 24), on: Tape(isRecording: false)
      ).value.elements[..<32]
    }
    let before = read()
    tokens[23] = tokens[23] == 5 ? 6 : 5
    #expect(read() != before)
  }

  private func problems(
    _ golden: TeacherGolden, _ changes: JSONObject = [:],
    _ change: (inout [String: StoredTensor]) -> Void = { _ in }
  ) throws -> [String] {
    let source = try golden.source()
    var configuration = try #require(source.configuration.objectValue)
    for (key, value) in changes.members { configuration[key] = value }
    var tensors = source.tensors
    change(&tensors)
    do {
      _ = try Decoder(configuration: .object(configuration), tensors: tensors, location: "tiny")
      return []
    } catch let error as ModelError {
      return error.problems
    }
  }

  @Test(arguments: TeacherGolden.encoders)
  func `every tensor is asked for but those that are known to be of no use`(golden: TeacherGolden)
    throws
  {
    for name in try golden.source().tensors.keys.sorted() {
      let found = try problems(golden) { $0[name] = nil }
      #expect(found.isEmpty == BERT.isIgnorable(name), "\(name): \(found)")
      #expect(found.allSatisfy { $0.hasPrefix("\(name) is missing") }, "\(name): \(found)")
    }
    #expect(
      try problems(golden) { $0["encoder.layer.0.adapter.weight"] = $0.values.first } != [])
  }

  @Test func `what BERT's relatives do otherwise is refused by its key`() throws {
    let golden = TeacherGolden("bert")
    #expect(
      try problems(golden, ["position_embedding_type": "relative_key"]) == [
        "configuration: position_embedding_type \"relative_key\" is not supported; known is absolute"
      ])
    #expect(
      try problems(golden, ["is_decoder": true]) == [
        "configuration: is_decoder is not supported: BERT is read as an encoder"
      ])
  }
}

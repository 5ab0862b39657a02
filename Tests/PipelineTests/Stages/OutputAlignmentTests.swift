import Corpus
import Differentiation
import Documents
import Foundation
import Models
import Operations
import Students
import TensorCore
import TestSupport
import Testing
import Transformers

@testable import Pipeline

@Suite struct OutputAlignmentTests {
  private let artefact = "run/artefacts/01-output-alignment.h5"

  private func recipe(_ teacher: TinyTeacher, _ overrides: String...) throws -> LoadedRecipe {
    let stages = """
      stages=[{"stage":"output-alignment","steps":6,"gradientAccumulation":2,"evaluateEvery":3,\
      "checkpointEvery":2,"keepBest":false,"optimizer":{"learningRate":0.003}},\
      {"stage":"evaluate"}]
      """
    return try teacher.recipe([stages] + overrides)
  }

  @Test(arguments: ["l2", "mse"])
  func `every layer's attention and projections learn, and nothing else does`(loss: String) throws {
    let teacher = try TinyTeacher()
    defer { #expect(throws: Never.self) { try teacher.remove() } }
    #expect(try teacher.run(try recipe(teacher, "stages[0].loss=\(loss)")) == .success)
    let names = ["q_proj", "k_proj", "v_proj", "o_proj"].map { "\($0).weight" }
    let student = try LoadedModel.open("\(teacher.folder)/run").decoder
    #expect(
      Set(student.ownWeights.map(\.name))
        == Set((0..<2).flatMap { layer in names.map { "model.layers.\(layer).self_attn.\($0)" } }))
    let original = try LoadedModel.open("\(teacher.folder)/teacher")
    for (name, own) in student.ownWeights {
      let frozen = try #require(original.source.tensors[name]).widened().elements
      #expect(own.value.elements != frozen, "\(name)")
    }
    let steps = try teacher.metrics("output-alignment").filter { $0["loss"] != nil }
    #expect(steps.count == 6)
    #expect(steps[0]["lossByLayer"]?.arrayValue?.count == 2)
    let losses = try teacher.metrics("output-alignment").compactMap {
      $0["validationLoss"]?.doubleValue
    }
    #expect(losses.count == 2 && losses[1] < losses[0])
    let results = try JSONValue(
      parsing: String(decoding: teacher.bytes("run/results.json"), as: UTF8.self))
    #expect(results.compact.contains("output-alignment"))
  }

  @Test func `an encoder's attention is aligned as a decoder's is`() throws {
    let encoder = try TinyEncoder()
    defer { #expect(throws: Never.self) { try encoder.remove() } }
    let recipe = try encoder.recipe(
      """
      stages=[{"stage":"output-alignment","steps":6,"batchSize":4,"gradientAccumulation":1,\
      "evaluateEvery":3,"optimizer":{"learningRate":0.0003}}]
      """)
    _ = try Preflight(recipe)
    #expect(try encoder.run(recipe) == .success)
    let losses = try String(contentsOfFile: encoder.folder + "/run/metrics.jsonl", encoding: .utf8)
      .split(separator: "\n")
      .compactMap { try JSONValue(parsing: String($0))["validationLoss"]?.doubleValue }
    #expect(losses.count == 3 && losses[2] < losses[1] && losses[1] < losses[0])
  }

  @Test
  func `a stopped and resumed run writes the same bytes, and stored activations the same weights`()
    throws
  {
    let teacher = try TinyTeacher()
    defer { #expect(throws: Never.self) { try teacher.remove() } }
    let recipe = try recipe(teacher)
    _ = try teacher.run(recipe)
    let expected = try teacher.bytes(artefact)
    let tensors = try teacher.tensors("output-alignment")
    try FileManager.default.removeItem(atPath: teacher.folder + "/run")
    try teacher.runInterrupted(recipe, afterPolls: 5)
    #expect(try teacher.bytes(artefact) == expected)
    try FileManager.default.removeItem(atPath: teacher.folder + "/run")
    _ = try teacher.run(try self.recipe(teacher, #"stages[0].activations={"storage":"float32"}"#))
    #expect(try teacher.tensors("output-alignment") == tensors)
  }

  // MARK: Objective

  private static func layerLosses(
    _ loss: String, teacher: Decoder, student: Decoder, batch: PackedBatch, factor: Double? = nil
  ) throws -> [Double] {
    let stage = try DocumentReader.read(["steps": 1, "loss": .string(loss)]) {
      OutputAlignment($0)
    }
    let layers = Double(student.convertedLayers.count)
    return try LayerObjective(teacher: teacher, student: student, losses: stage.losses)
      .measure(batch, share: factor.map { $0 * layers }).map(\.mean)
  }

  private struct Fixture {
    let teacher, student: Decoder
    let batch: PackedBatch

    init(_ folder: TinyTeacher, softmaxLayers: String = "[]") throws {
      teacher = try LoadedModel.open("\(folder.folder)/teacher").decoder
      student = Decoder(configuration: teacher.configuration, weights: teacher.weights)
      let specification = try DocumentReader.read(
        JSONValue(
          parsing:
            #"{"mixer": "terrace-window", "windowSize": 4, "softmaxLayers": \#(softmaxLayers)}"#),
        StudentSpecification.init)
      try student.install(specification, seed: 5, location: "")
      let document = try DocumentReader.read(["steps": 1]) { OutputAlignment($0) }
      document.prepare(student, seed: 5)
      let tokens = (0..<24).map { Int32($0 * 7 % 61) }
      batch = PackedBatch([
        PackedSequence(
          tokens: tokens, labels: tokens,
          segments: [SequenceSegment(start: 1, count: 9), SequenceSegment(start: 10, count: 14)])
      ])
    }

    /// - Parameter factor: of the sum of the layers' losses.
    func losses(_ loss: String, factor: Double? = nil) throws -> [Double] {
      try OutputAlignmentTests.layerLosses(
        loss, teacher: teacher, student: student, batch: batch, factor: factor)
    }
  }

  @Test(arguments: ["l2", "mse"])
  func `gradients of all attention parameters are those of the sum of the layers' losses`(
    loss: String
  ) throws {
    let folder = try TinyTeacher()
    defer { #expect(throws: Never.self) { try folder.remove() } }
    let fixture = try Fixture(folder)
    // A row that meets its target, as the first of a document does, would stand on the norm's kink.
    var generator = SeededGenerator(seed: 8, purpose: "alignment")
    for (_, own) in fixture.student.ownWeights {
      accumulate(
        .uniform(own.value.shape, in: -0.1...0.1, using: &generator), scaledBy: 1, into: &own.value)
    }
    let before = try fixture.losses(loss, factor: 1)
    #expect(before.allSatisfy { $0 > 0 })
    let parameters = fixture.student.parameters.filter { $0.parameter.isTrainable }
    #expect(parameters.count == 2 * (3 + 4))
    for (name, parameter) in parameters {
      let gradient = try #require(parameter.gradient, "\(name)").elements
      let value = parameter.value
      func error(of gradient: [Float]) throws -> Double {
        try directionalError(
          of: gradient, at: value.elements.map(Double.init), directions: 3, step: 1e-3, floor: 1e-4
        ) {
          parameter.value = Tensor($0.map(Float.init), value.shape)
          return try fixture.losses(loss).reduce(0, +)
        }
      }
      #expect(try error(of: gradient) < 2e-2, "\(name)")
      // The check itself: half of a gradient is no gradient.
      var half = gradient
      for index in 0..<half.count / 2 { half[index] = 0 }
      let (whole, kept) = (squares(gradient), squares(half))
      if whole - kept > max(1e-3, 0.05 * whole) { #expect(try error(of: half) > 2e-2, "\(name)") }
      parameter.value = value
    }
  }

  @Test func `a layer's loss is its own: it does not hang on what other layers are`() throws {
    let folder = try TinyTeacher()
    defer { #expect(throws: Never.self) { try folder.remove() } }
    let all = try Fixture(folder).losses("l2")
    let last = try Fixture(folder, softmaxLayers: "[0]")
    #expect(try last.losses("l2") == [all[1]])
    // A layer that keeps softmax keeps its frozen projections.
    #expect(
      last.student.ownWeights.allSatisfy { $0.name.hasPrefix("model.layers.1.self_attn.") })
  }

  @Test func `a student that still is its teacher has no loss`() throws {
    let folder = try TinyTeacher()
    defer { #expect(throws: Never.self) { try folder.remove() } }
    let fixture = try Fixture(folder)
    let kept = fixture.student.replacingMixers { _ in
      SoftmaxWindowStandIn(fixture.teacher.configuration.attention)
    }
    let losses = try Self.layerLosses(
      "l2", teacher: fixture.teacher, student: kept, batch: fixture.batch, factor: 1)
    #expect(losses == [0, 0])
    #expect(
      kept.ownWeights.allSatisfy { $0.parameter.gradient?.elements.allSatisfy { $0 == 0 } ?? true })
  }
}

/// Softmax attention that counts as replaced.
private final class SoftmaxWindowStandIn: TokenMixer {
  private let mixer: SoftmaxAttentionMixer

  init(_ shape: AttentionShape) { mixer = SoftmaxAttentionMixer(shape: shape) }

  var parameters: [Parameter] { [] }
  func forward(_ input: MixerInput, memory: inout Memory?, on tape: Tape) -> Variable {
    mixer.forward(input, memory: &memory, on: tape)
  }
  func makeMemory() -> Memory { mixer.makeMemory() }
  func cost(length: Int) -> MixerCost { mixer.cost(length: length) }
}

import Documents
import Foundation
import Testing

@testable import Pipeline

/// Stages that train memories by the keys beyond the window alone.
@Suite struct FarLossStageTests {
  private func stages(_ name: String, _ losses: [String]) -> String {
    let losses = losses.map { #"{"kind":"\#($0)"}"# }.joined(separator: ",")
    return #"stages=[{"stage":"\#(name)","steps":12,"batchSize":2,"gradientAccumulation":1,"#
      + #""evaluateEvery":6,"keepBest":false,"optimizer":{"learningRate":0.02},"losses":[\#(losses)]}]"#
  }

  private func student(_ policy: String) -> String {
    #"student={"memory":{"kind":"feature-map"},"window":{"size":8,"sinks":2},"#
      + #""policy":{"kind":"\#(policy)"}}"#
  }

  @Test(
    arguments: [
      ("attention-transfer", "gated", ["far-attention-cross-entropy", "far-mass-cross-entropy"]),
      ("attention-transfer", "shared", ["far-attention-cross-entropy", "far-mass-cross-entropy"]),
      ("attention-transfer", "projected-sum", ["output-mse", "far-attention-cross-entropy"]),
      ("output-alignment", "gated", ["far-attention-cross-entropy", "far-mass-cross-entropy"]),
    ])
  func `What is measured of the keys beyond the window is what falls`(
    stage: String, policy: String, losses: [String]
  ) throws {
    let teacher = try TinyTeacher()
    defer { #expect(throws: Never.self) { try teacher.remove() } }
    let recipe = try teacher.recipe(stages(stage, losses), student(policy))
    #expect(try teacher.run(recipe) == .success)
    let metrics = try teacher.metrics(stage)
    let found = metrics.compactMap { $0["validationLoss"]?.doubleValue }
    #expect(found.count >= 2)
    #expect(found[found.count - 1] < found[0], "\(found)")
    let steps = metrics.filter { $0["loss"] != nil }
    #expect(steps.allSatisfy { ($0["farAttentionCrossEntropy"]?.doubleValue ?? -1) > 0 })
  }

  @Test func `A mixer that has not what is compared is refused by name`() throws {
    let teacher = try TinyTeacher()
    defer { #expect(throws: Never.self) { try teacher.remove() } }
    let far = "far-attention-cross-entropy"
    for (student, loss, expected) in [
      (#"student={"mixer":"rad-rwkv6","decayRank":4}"#, far, "weighs no keys by features"),
      (student("projected-sum"), "far-mass-cross-entropy", "says no share of the attention"),
      (
        #"student={"mixer":"linear"}"#, "far-mass-cross-entropy", "says no share of the attention"
      ),
    ] {
      let recipe = try teacher.recipe(stages("attention-transfer", [loss]), student)
      let stage = try #require(recipe.recipe.stages[0].specification as? any TransferStage)
      let specification = try #require(recipe.recipe.student)
      let mixer = specification.mixer.makeMixer(
        .init(
          layer: 0, layers: 2, attention: .init(queryHeads: 4, keyValueHeads: 2, headDim: 8),
          hiddenSize: 32, hasRotaryPositions: true), seed: 1)
      let mistake = try #require(stage.losses.mistake(of: mixer))
      #expect(mistake.problem.contains(expected), "\(mistake.problem)")
      #expect(mistake.problem.contains(loss))
    }
  }
}

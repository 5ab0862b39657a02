import Documents
import Foundation
import Testing

@testable import Pipeline

@Suite struct LossListTests {
  /// A stage's document with its fields of training.
  private static func stage(_ name: String, _ rest: String) -> String {
    #"stages=[{"stage":"\#(name)","steps":4,"batchSize":2\#(rest.isEmpty ? "" : ",")\#(rest)}]"#
  }

  @Test(
    arguments: [
      ("attention-transfer", "", #""losses":[{"kind":"output-mse","weight":1000}]"#),
      (
        "attention-transfer", #""meanSquaredErrorWeight":3"#,
        #""losses":[{"kind":"output-mse","weight":3}]"#
      ),
      (
        "attention-transfer",
        #""meanSquaredErrorWeight":0,"attentionWeightCrossEntropyWeight":1,"#
          + #""attentionWeightFloor":"add""#,
        #""losses":[{"kind":"attention-weight-cross-entropy","floor":"add"}]"#
      ),
      (
        "attention-transfer", #""attentionWeightCrossEntropyWeight":0.5"#,
        #""losses":[{"kind":"output-mse","weight":1000},"#
          + #"{"kind":"attention-weight-cross-entropy","weight":0.5}]"#
      ),
      ("output-alignment", "", #""losses":[{"kind":"residual-l2"}]"#),
      ("output-alignment", #""loss":"l2""#, #""losses":[{"kind":"residual-l2","weight":1}]"#),
      ("output-alignment", #""loss":"mse""#, #""losses":[{"kind":"residual-mse"}]"#),
      (
        "logit-distillation", "", #""losses":[{"kind":"kl"},{"kind":"cross-entropy","weight":0}]"#
      ),
      (
        "logit-distillation", #""klWeight":2,"crossEntropyWeight":0.1"#,
        #""losses":[{"kind":"kl","weight":2},{"kind":"cross-entropy","weight":0.1}]"#
      ),
      ("low-rank-adaptation", "", #""losses":[{"kind":"cross-entropy"}]"#),
      ("finetune", "", #""losses":[{"kind":"cross-entropy","weight":1}]"#),
      ("embedding-distillation", "", #""losses":[{"kind":"embedding-cosine"}]"#),
      (
        "embedding-distillation", #""similarityWeight":0.5"#,
        #""losses":[{"kind":"embedding-cosine"},{"kind":"embedding-similarities","weight":0.5}]"#
      ),
    ])
  func `A key from before losses were a list resolves to the list that it meant`(
    stage: String, short: String, list: String
  ) throws {
    let before = try SampleRecipe.load([Self.stage(stage, short), "data.test=[]"])
    let after = try SampleRecipe.load([Self.stage(stage, list), "data.test=[]"])
    #expect(before.resolved == after.resolved)
    #expect(before.resolved.pretty == after.resolved.pretty)
    let again = try LoadedRecipe(document: before.resolved, path: "again.json")
    #expect(again.resolved.pretty == before.resolved.pretty)
  }

  @Test(
    arguments: [
      (
        "attention-transfer", #""losses":[{"kind":"output-mse"}],"meanSquaredErrorWeight":1"#,
        [
          "meanSquaredErrorWeight: is given beside \"losses\", which has what it says; remove it"
        ]
      ),
      (
        "attention-transfer", #""losses":[{"kind":"output-msa"}]"#,
        [
          "losses[0].kind: found the string \"output-msa\", expected one of \"output-mse\", "
            + "\"attention-weight-cross-entropy\", \"far-attention-cross-entropy\", "
            + "\"far-mass-cross-entropy\", \"residual-l2\", \"residual-mse\"; did you mean "
            + "\"output-mse\"?"
        ]
      ),
      (
        "attention-transfer", #""losses":[{"kind":"output-mse"},{"kind":"output-mse","weight":2}]"#,
        ["losses[1].kind: names \"output-mse\" a second time; expected each once"]
      ),
      (
        "output-alignment", #""losses":[{"kind":"residual-l2","weight":0}]"#,
        ["losses: all have weight 0, so there is no loss; give one a weight above 0"]
      ),
      (
        "output-alignment", #""losses":[]"#,
        [
          "losses: found an array of 0, expected at least 1 (What is minimised, the weighted sum of "
            + "these; short forms: loss.)"
        ]
      ),
      (
        "output-alignment", #""losses":[{"kind":"attention-weight-cross-entropy"}]"#,
        [
          "losses[0].kind: found the string \"attention-weight-cross-entropy\", expected one of "
            + "\"output-mse\", \"far-attention-cross-entropy\", \"far-mass-cross-entropy\", "
            + "\"residual-l2\", \"residual-mse\""
        ]
      ),
      (
        "logit-distillation", #""losses":[{"kind":"cross-entropy"}]"#,
        [
          "losses: compare nothing with the teacher; expected \"kl\" of a weight above 0, or the "
            + "stage \"finetune\", which does without a teacher"
        ]
      ),
      (
        "finetune", #""losses":[{"kind":"cross-entropy"},{"kind":"kl"}]"#,
        ["losses[1].kind: found the string \"kl\", expected one of \"cross-entropy\""]
      ),
      (
        "low-rank-adaptation", #""losses":[{"kind":"output-mse"}]"#,
        [
          "losses[0].kind: found the string \"output-mse\", expected one of \"kl\", "
            + "\"cross-entropy\""
        ]
      ),
      (
        "low-rank-adaptation", #""losses":[{"kind":"cross-entropy","weight":0}]"#,
        ["losses: all have weight 0, so there is no loss; give one a weight above 0"]
      ),
      (
        "embedding-distillation",
        #""losses":[{"kind":"embedding-cosine"},{"kind":"embedding-similarities","weght":1}]"#,
        ["losses[1].weght: is not a known key; did you mean \"weight\"?"]
      ),
    ])
  func `A list of losses that makes no sense is refused with what to write`(
    stage: String, losses: String, expected: [String]
  ) throws {
    let found = try SampleRecipe.mistakes([Self.stage(stage, losses)])
    #expect(found == expected.map { "$.stages[0].\($0)" })
  }

  private static let transfer = """
    stages=[{"stage":"attention-transfer","steps":3,"gradientAccumulation":2,"keepBest":false,\
    "checkpointEvery":2}]
    """

  private static let adaptation = """
    stages=[{"stage":"low-rank-adaptation","steps":3,"gradientAccumulation":2,"keepBest":false,\
    "dropout":0.1,"trainFeatureMaps":true,"checkpointEvery":2}]
    """

  /// - Parameter losses: of the only stage; nil for its defaults.
  private func run(
    _ teacher: TinyTeacher, _ losses: String?, _ stages: String = transfer,
    stage: String = "attention-transfer"
  ) throws -> (tensors: [String: [Float]], steps: [JSONValue]) {
    _ = try teacher.run(
      try teacher.recipe([stages] + (losses.map { ["stages[0].losses=\($0)"] } ?? [])))
    defer {
      #expect(throws: Never.self) {
        try FileManager.default.removeItem(atPath: teacher.folder + "/run")
      }
    }
    return (
      try teacher.tensors(stage),
      try teacher.metrics(stage).filter { $0["loss"] != nil }
    )
  }

  @Test func `Every loss of a list is measured by its name, and one of weight 0 measured alone`()
    throws
  {
    let teacher = try TinyTeacher()
    defer { #expect(throws: Never.self) { try teacher.remove() } }
    let both = try run(
      teacher,
      #"[{"kind":"output-mse","weight":1000},{"kind":"attention-weight-cross-entropy","weight":2}]"#
    )
    for step in both.steps {
      let (loss, error, entropy) = (
        try #require(step["loss"]?.doubleValue),
        try #require(step["outputMeanSquaredError"]?.doubleValue),
        try #require(step["attentionWeightCrossEntropy"]?.doubleValue)
      )
      #expect(abs(loss - (1000 * error + 2 * entropy)) < 1e-12 * loss)
    }
    let alone = try run(teacher, #"[{"kind":"output-mse","weight":1000}]"#)
    let watched = try run(
      teacher,
      #"[{"kind":"output-mse","weight":1000},{"kind":"residual-l2","weight":0},"#
        + #"{"kind":"attention-weight-cross-entropy","weight":0}]"#)
    #expect(alone.tensors == watched.tensors)
    #expect(both.tensors != alone.tensors)
    #expect(watched.steps.map { $0["loss"] } == alone.steps.map { $0["loss"] })
    for key in ["residualDistance", "attentionWeightCrossEntropy"] {
      #expect(watched.steps.allSatisfy { $0[key]?.doubleValue ?? 0 > 0 }, "\(key)")
      #expect(alone.steps.allSatisfy { $0[key] == nil }, "\(key)")
    }
  }

  @Test func `Updates that predict the next token may be held to the teacher's distributions`()
    throws
  {
    let teacher = try TinyTeacher()
    defer { #expect(throws: Never.self) { try teacher.remove() } }
    func adapted(_ losses: String?) throws -> (tensors: [String: [Float]], steps: [JSONValue]) {
      try run(teacher, losses, Self.adaptation, stage: "low-rank-adaptation")
    }
    let names = ["crossEntropy", "klDivergence"]
    let alone = try adapted(nil)
    let same = try adapted(#"[{"kind":"cross-entropy"}]"#)
    #expect(alone.tensors == same.tensors)
    #expect(alone.steps == same.steps)
    #expect(alone.steps.allSatisfy { step in names.allSatisfy { step[$0] == nil } })

    let doubled = try adapted(#"[{"kind":"cross-entropy","weight":2}]"#)
    for (step, before) in zip(doubled.steps, alone.steps) {
      #expect(step["loss"]?.doubleValue == step["crossEntropy"]?.doubleValue.map { 2 * $0 })
      if step["step"] == 1 { #expect(step["crossEntropy"] == before["loss"]) }
    }

    let both = try adapted(#"[{"kind":"cross-entropy"},{"kind":"kl","weight":3}]"#)
    for step in both.steps {
      let loss = try #require(step["loss"]?.doubleValue)
      let entropy = try #require(step["crossEntropy"]?.doubleValue)
      let divergence = try #require(step["klDivergence"]?.doubleValue)
      #expect(abs(loss - (entropy + 3 * divergence)) < 1e-12 * loss)
      #expect(divergence > 0)
    }
    #expect(both.tensors != alone.tensors)

    let watched = try adapted(#"[{"kind":"cross-entropy"},{"kind":"kl","weight":0}]"#)
    for (step, before) in zip(watched.steps, alone.steps) {
      let loss = try #require(step["loss"]?.doubleValue)
      let expected = try #require(before["loss"]?.doubleValue)
      // Another kernel sums the vocabulary in doubles.
      #expect(abs(loss - expected) < 1e-5 * expected)
      #expect(step["klDivergence"]?.doubleValue ?? 0 > 0)
    }
  }
}

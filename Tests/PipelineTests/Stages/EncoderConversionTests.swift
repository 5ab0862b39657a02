import Documents
import Foundation
import Models
import Reports
import Testing
import Transformers

@testable import Pipeline

@Suite struct EncoderConversionTests {
  private func withEncoder(_ body: (TinyEncoder) throws -> Void) throws {
    let encoder = try TinyEncoder()
    defer { #expect(throws: Never.self) { try encoder.remove() } }
    try body(encoder)
  }

  private func lines(_ encoder: TinyEncoder, stage: String) throws -> [JSONValue] {
    try String(contentsOfFile: encoder.folder + "/run/metrics.jsonl", encoding: .utf8)
      .split(separator: "\n").map { try JSONValue(parsing: String($0)) }
      .filter { $0["stage"]?.stringValue == stage }
  }

  @Test
  func `an encoder is converted, finetuned on its teacher's embeddings and measured against them`()
    throws
  {
    try withEncoder { encoder in
      let recipe = try encoder.recipe(
        "stages[0].meanSquaredErrorWeight=1", "stages[1].optimizer.learningRate=0.0003")
      #expect(try encoder.run(recipe) == .success)
      for stage in ["attention-transfer", "embedding-distillation"] {
        let losses = try lines(encoder, stage: stage).compactMap {
          $0["validationLoss"]?.doubleValue
        }
        #expect(
          losses.count == 3 && losses[2] < losses[1] && losses[1] < losses[0], "\(stage): \(losses)"
        )
      }
      // No row of a batch is padding: texts have 6 to 20 tokens.
      let tokens = try lines(encoder, stage: "embedding-distillation").compactMap {
        $0["tokens"]?.intValue
      }
      #expect(tokens.allSatisfy { $0 < 8 * 20 && $0 > 8 * 5 })
      let student = try LoadedModel.open("\(encoder.folder)/run")
      #expect(student.student?.stage == "embedding-distillation")
      #expect(student.decoder.ownWeights.count == student.decoder.weightShapes.count)
      #expect(student.pooling == EmbeddingPooling(.mean, isNormalized: true))

      let stored = try StoredResults(
        try DocumentFile("\(encoder.folder)/run/results.json").read(), path: "results.json")
      let report = stored.report
      #expect(report.variants.map(\.variant) == [.student, .noAttention])
      let cosine = try #require(report.value(of: "embeddingCosine"))
      #expect(cosine > 0.5 && cosine < 1)
      #expect(report[.student]?.tasks.first?.samples == 10)
      #expect(try #require(report.value(of: "embeddingRankCorrelation")) > 0)
      #expect(try #require(report.value(of: "attentionDivergence")) > 0)
      #expect(report.value(of: "logitDivergence") == nil)
      #expect(report.fidelity?.layers.map(\.index) == [0, 1])
      #expect(report.notes.first?.hasPrefix("perplexity, recall, decoding speed were not") == true)
      #expect(report.headline.hasPrefix("The student's embeddings have a mean cosine of"))
      #expect(report.terminalTable.contains("text_embeddings"))
      #expect(try report.html().contains("rank_correlation"))
      #expect(report.markdown.contains("text_embeddings"))
    }
  }

  @Test func `low-rank updates are trained instead of weights, kept apart or merged`() throws {
    try withEncoder { encoder in
      let low =
        #"stages[1].lowRank={"rank":2,"targets":["queries","values"],"trainFeatureMaps":true}"#
      _ = try encoder.run(try encoder.recipe(low))
      let student = try LoadedModel.open("\(encoder.folder)/run")
      #expect(student.student?.adapters?.rank == 2)
      #expect(student.decoder.ownWeights.isEmpty)
      #expect(student.decoder.layers.allSatisfy { $0.adapters.count == 2 })
      try FileManager.default.removeItem(atPath: encoder.folder + "/run")
      _ = try encoder.run(try encoder.recipe(low, "stages[1].lowRank.merge=true"))
      let merged = try LoadedModel.open("\(encoder.folder)/run")
      #expect(merged.student?.adapters == nil && merged.decoder.ownWeights.count == 4)
      let text = encoder.folder + "/texts.txt"
      let vectors = try [student, merged].map {
        try TextEmbedder($0, length: 20).embed(linesOf: text)
      }
      #expect(zip(vectors[0].elements, vectors[1].elements).allSatisfy { abs($0 - $1) < 1e-5 })
    }
  }

  @Test func `a run stopped in the distillation and resumed writes the same bytes`() throws {
    try withEncoder { encoder in
      let recipe = try encoder.recipe("stages[1].similarityWeight=0.5")
      let artefact = URL(
        fileURLWithPath: encoder.folder + "/run/artefacts/02-embedding-distillation.h5")
      _ = try encoder.run(recipe)
      let expected = try Data(contentsOf: artefact)
      try FileManager.default.removeItem(atPath: encoder.folder + "/run")
      #expect(throws: Preempted.self) {
        try encoder.run(
          recipe,
          interruption: .once(
            exists: encoder.folder + "/run/checkpoints/embedding-distillation/step-00000002"))
      }
      _ = try encoder.run(recipe, resume: true)
      #expect(try Data(contentsOf: artefact) == expected)
    }
  }

  @Test func `transfer from stored activations trains an encoder's maps as the direct one does`()
    throws
  {
    try withEncoder { encoder in
      let only =
        #"stages=[{"stage":"attention-transfer","steps":4,"batchSize":4,"gradientAccumulation":1,"keepBest":false}]"#
      let maps = { (overrides: String...) throws -> [Float] in
        let recipe = try encoder.recipe(only, overrides.first ?? "seed=42")
        _ = try encoder.run(recipe)
        let path = encoder.folder + "/run/artefacts/01-attention-transfer.h5"
        defer {
          #expect(throws: Never.self) {
            try FileManager.default.removeItem(atPath: encoder.folder + "/run")
          }
        }
        return try StudentArtefact.read(path).tensors.flatMap(\.tensor.elements)
      }
      let (direct, stored) = (try maps(), try maps(#"stages[0].activations={"storage":"float32"}"#))
      #expect(direct.count == stored.count)
      #expect(zip(direct, stored).allSatisfy { abs($0 - $1) < 1e-3 })
    }
  }

  @Test func `a bound on the embeddings decides the exit status`() throws {
    try withEncoder { encoder in
      let recipe = try encoder.recipe(
        #"stages[2].thresholds={"embeddingCosine":{"minimum":1.5}}"#, "stages[1].steps=1")
      #expect(try encoder.run(recipe) == .thresholdMissed)
    }
  }

  @Test
  func `an exported student and its folder give the run's embeddings, and measure as the run did`()
    throws
  {
    try withEncoder { encoder in
      _ = try encoder.run(try encoder.recipe())
      let folder = encoder.folder + "/exported"
      let student = try LoadedModel.open("\(encoder.folder)/run")
      let names = try ModelExport(
        student, type: nil, mergesAdapters: false, shardBytes: 1 << 30
      ).run(to: folder)
      #expect(names.contains("modules.json") && names.contains("1_Pooling"))
      let text = encoder.folder + "/texts.txt"
      let exported = try LoadedModel.open(folder)
      #expect(exported.pooling == student.pooling)
      let vectors = try [student, exported].map {
        try TextEmbedder($0, length: 20).embed(linesOf: text).elements
      }
      #expect(vectors[0] == vectors[1])
      let norm = vectors[0][..<32].reduce(0) { $0 + $1 * $1 }
      #expect(abs(norm - 1) < 1e-5)

      let test = try String(contentsOfFile: text, encoding: .utf8).split(separator: "\n")
        .suffix(10).joined(separator: "\n")
      try DocumentFile(encoder.folder + "/test.txt").replace(with: test)
      let report = try ModelEvaluation(student).run(
        .init(source: .text(encoder.folder + "/test.txt"), sequenceLength: 20)
      ).report
      let results = try DocumentFile("\(encoder.folder)/run/results.json").read()
      #expect(
        report.value(of: "embeddingCosine")
          == results["linearize"]?["measures"]?["embeddingCosine"]?.doubleValue)
    }
  }

  @Test func `what needs a next token refuses an encoder, and embeddings refuse a decoder`() throws
  {
    try withEncoder { encoder in
      let model = try LoadedModel.open(encoder.folder + "/encoder")
      let refused = { (purpose: String) in
        "\(model.location): is an encoder (bert), which predicts no next token; \(purpose) needs a "
          + "decoder"
      }
      var error = #expect(throws: ModelError.self) { try TextGenerator(model) }
      #expect(error?.description == refused("generating text") && error?.exitCode == .badData)
      let text = ModelEvaluation.Source.text(encoder.folder + "/texts.txt")
      error = #expect(throws: ModelError.self) {
        try ModelEvaluation(model).run(
          .init(source: text, sequenceLength: 20, tasks: [.init(path: "task.json")]))
      }
      #expect(error?.description == refused("a task"))
      error = #expect(throws: ModelError.self) {
        try ModelEvaluation(model).run(.init(source: text, sequenceLength: 20))
      }
      #expect(error?.description.contains("is an encoder without a student") == true)
    }
    let teacher = try TinyTeacher()
    defer { #expect(throws: Never.self) { try teacher.remove() } }
    let decoder = try LoadedModel.open(teacher.folder + "/teacher")
    let error = #expect(throws: ModelError.self) { try TextEmbedder(decoder) }
    #expect(error?.problems == ["is a decoder (llama); embeddings are those of an encoder"])
  }
}

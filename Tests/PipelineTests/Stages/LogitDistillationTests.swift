import Corpus
import Differentiation
import Documents
import Foundation
import Models
import Operations
import TensorCore
import TestSupport
import Testing
import Transformers

@testable import Pipeline

@Suite struct LogitDistillationTests {
  private let artefact = "run/artefacts/02-logit-distillation.h5"

  private func recipe(_ teacher: TinyTeacher, _ overrides: String...) throws -> LoadedRecipe {
    let stages = """
      stages=[{"stage":"output-alignment","steps":2,"gradientAccumulation":1,"keepBest":false},\
      {"stage":"logit-distillation","steps":6,"gradientAccumulation":1,"evaluateEvery":3,\
      "checkpointEvery":2,"keepBest":false,"optimizer":{"learningRate":0.003}},\
      {"stage":"evaluate"}]
      """
    return try teacher.recipe([stages] + overrides)
  }

  @Test func `every weight is trained, the head apart from the embedding, and the loss falls`()
    throws
  {
    let teacher = try TinyTeacher()
    defer { #expect(throws: Never.self) { try teacher.remove() } }
    #expect(try teacher.run(try recipe(teacher)) == .success)
    let student = try LoadedModel.open("\(teacher.folder)/run")
    #expect(student.student?.stage == "logit-distillation")
    // 2 layers of (3 of the mixer, 9 weights), the embedding, the last norm and the head.
    #expect(student.decoder.parameters.count == 2 * (3 + 9) + 3)
    #expect(!student.decoder.isHeadTied)
    let own = Dictionary(
      uniqueKeysWithValues: student.decoder.ownWeights.map {
        ($0.name, $0.parameter.value.elements)
      })
    #expect(own["lm_head.weight"] != own["model.embed_tokens.weight"])
    let metrics = try teacher.metrics("logit-distillation")
    let steps = metrics.filter { $0["loss"] != nil }
    for step in steps {
      #expect(step["loss"] == step["klDivergence"])
      #expect(try #require(step["crossEntropy"]?.doubleValue) > 0)
    }
    let losses = metrics.compactMap { $0["validationLoss"]?.doubleValue }
    #expect(losses.count == 2 && losses[1] < losses[0])
  }

  @Test
  func
    `a stopped and resumed run writes the same bytes, also with longer sequences and a tied head`()
    throws
  {
    let teacher = try TinyTeacher()
    defer { #expect(throws: Never.self) { try teacher.remove() } }
    let recipe = try recipe(
      teacher, "stages[1].sequenceLength=96", "stages[1].untiesHead=false",
      "stages[1].activationCheckpointing=true", "stages[1].crossEntropyWeight=0.5")
    _ = try teacher.run(recipe)
    let expected = try teacher.bytes(artefact)
    #expect(try LoadedModel.open("\(teacher.folder)/run").decoder.isHeadTied)
    for step in try teacher.metrics("logit-distillation").filter({ $0["loss"] != nil }) {
      #expect(step["tokens"] == 96)
      let parts = try ["klDivergence", "crossEntropy"].map { try #require(step[$0]?.doubleValue) }
      let loss = try #require(step["loss"]?.doubleValue)
      #expect(abs(loss - parts[0] - parts[1] / 2) < 1e-12)
    }
    try FileManager.default.removeItem(atPath: teacher.folder + "/run")
    try teacher.runInterrupted(recipe, afterPolls: 9)
    #expect(try teacher.bytes(artefact) == expected)
  }

  @Test func `the loss is the divergence of the teacher's distributions, in double precision`()
    throws
  {
    let teacher = try TinyTeacher()
    defer { #expect(throws: Never.self) { try teacher.remove() } }
    _ = try teacher.run(try recipe(teacher))
    // The first step's loss is that of the student as the stage before left it.
    let first = try #require(try teacher.metrics("logit-distillation").first?["loss"]?.doubleValue)
    let original = try LoadedModel.open("\(teacher.folder)/teacher")
    let student = try LoadedModel.open(
      "\(teacher.folder)/run/artefacts/01-output-alignment.h5"
    ).decoder
    let loaded = try recipe(teacher).recipe
    let data = try RecipeData(loaded.data, model: original, seed: UInt64(loaded.seed))
    let tokens = data.train[data.trainingIndices(step: 0, count: 1)[0]].tokens
    func logProbabilities(_ decoder: Decoder) -> [[Double]] {
      let hidden = decoder.hiddenStates(
        tokens, layout: SequenceLayout(length: tokens.count), on: Tape(isRecording: false))
      let logits = decoder.logits(hidden.value).elements.map(Double.init)
      return stride(from: 0, to: logits.count, by: 61).map { start in
        let row = logits[start..<start + 61]
        let total = log(row.reduce(0) { $0 + exp($1 - row.max()!) }) + row.max()!
        return row.map { $0 - total }
      }
    }
    let rows = zip(logProbabilities(original.decoder), logProbabilities(student)).map { p, q in
      zip(p, q).reduce(0) { $0 + exp($1.0) * ($1.0 - $1.1) }
    }
    #expect(abs(first / rows.mean - 1) < 1e-5)
  }

  @Test func `gradients of all weights are those of the loss, for both kinds of teacher`() throws {
    let folder = try TinyTeacher()
    defer { #expect(throws: Never.self) { try folder.remove() } }
    _ = try folder.run(try recipe(folder))
    let teacher = try LoadedModel.open("\(folder.folder)/teacher").decoder
    let student = try LoadedModel.open(
      "\(folder.folder)/run/artefacts/01-output-alignment.h5"
    ).decoder
    student.unfreezeWeights(untiesHead: true)
    let tokens = (0..<40).map { Int32($0 * 7 % 61) }
    let targets = tokens.dropFirst() + [ignoredTarget]
    let layout = SequenceLayout(length: 40)
    let hidden = teacher.hiddenStates(tokens, layout: layout, on: Tape(isRecording: false)).value
    let scales = DistillationScales(divergence: 0.5, crossEntropy: 0.1)
    for reference in [
      DistillationTeacher.hidden(hidden, head: teacher.head),
      .truncated(linearTopTokens(hidden, head: teacher.head, count: 8)),
    ] {
      func loss(_ scales: DistillationScales?) -> Double {
        let tape = Tape(isRecording: scales != nil)
        let losses = student.distillation(
          student.hiddenStates(tokens, layout: layout, on: tape), teacher: reference,
          counted: [Bool](repeating: true, count: 40), targets: Array(targets), scales: scales,
          on: tape)
        return losses.divergences.reduce(0) { $0 + 0.5 * Double($1) }
          + losses.crossEntropies.reduce(0) { $0 + 0.1 * Double($1) }
      }
      _ = loss(scales)
      for (name, parameter) in student.parameters where parameter.isTrainable {
        let gradient = try #require(parameter.gradient, "\(name)").elements
        parameter.gradient = nil
        let value = parameter.value
        func error(of gradient: [Float]) -> Double {
          directionalError(
            of: gradient, at: value.elements.map(Double.init), directions: 3, step: 1e-3,
            floor: 2.5e-3
          ) {
            parameter.value = Tensor($0.map(Float.init), value.shape)
            return loss(nil)
          }
        }
        #expect(error(of: gradient) < 2e-2, "\(name)")
        // The check itself: half of a gradient is no gradient.
        var half = gradient
        for index in 0..<half.count / 2 { half[index] = 0 }
        let (whole, kept) = (squares(gradient), squares(half))
        if whole - kept > max(1e-2, 0.05 * whole) { #expect(error(of: half) > 2e-2, "\(name)") }
        parameter.value = value
      }
    }
  }

  // MARK: Cached logits

  @Test
  func
    `all tokens cached give the weights that the teacher itself gives, few a smaller divergence`()
    throws
  {
    let teacher = try TinyTeacher()
    defer { #expect(throws: Never.self) { try teacher.remove() } }
    _ = try teacher.run(try recipe(teacher))
    let expected = try teacher.tensors("logit-distillation")
    let full = try teacher.metrics("logit-distillation").compactMap {
      $0["klDivergence"]?.doubleValue
    }
    let cache = { (k: Int) in
      #"stages[1].cachedLogits={"path":"\#(teacher.folder)/top\#(k).h5","topK":\#(k)}"#
    }
    var first: Data?
    for k in [61, 61, 8] {
      try FileManager.default.removeItem(atPath: teacher.folder + "/run")
      #expect(try teacher.run(try recipe(teacher, cache(k))) == .success)
      let found = try teacher.metrics("logit-distillation")
        .compactMap { $0["klDivergenceTop\(k)"]?.doubleValue }
      #expect(found.count == 6)
      if k == 61 {
        for (name, values) in try teacher.tensors("logit-distillation") {
          let wanted = try #require(expected[name])
          let error = zip(values, wanted).reduce(Float(0)) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
          let size = wanted.reduce(Float(0)) { $0 + $1 * $1 }
          #expect((error / size).squareRoot() < 1e-3, "\(name)")
        }
        let bytes = try teacher.bytes("top61.h5")
        #expect(first == nil || first == bytes)
        first = bytes
      } else {
        #expect(found[0] < full[0] && found[0] > 0.2 * full[0])
      }
    }
  }

  @Test func `a file of another teacher, length, number or kind is refused before any work`() throws
  {
    let teacher = try TinyTeacher()
    defer { #expect(throws: Never.self) { try teacher.remove() } }
    let other = try TinyTeacher(seed: 4)
    defer { #expect(throws: Never.self) { try other.remove() } }
    let path = teacher.folder + "/logits.h5"
    let cache = #"stages[1].cachedLogits={"path":"\#(path)","topK":4}"#
    _ = try teacher.run(try recipe(teacher, cache))
    let digests = try [teacher, other].map {
      try LoadedModel.open("\($0.folder)/teacher").source.contentDigest()
    }
    let advice = "; remove the file to write it again, or name another"
    func refused(_ recipe: LoadedRecipe, _ run: TinyTeacher, _ message: String) throws {
      let attempts: [() throws -> Void] = [
        { _ = try Preflight(recipe) }, { _ = try run.run(recipe) },
      ]
      for attempt in attempts {
        let error = #expect(throws: InputError.self) { try attempt() }
        #expect(error?.description == "\(path)\(message)")
        #expect(error?.exitCode == .badData)
      }
    }
    try refused(
      try recipe(other, cache), other,
      ": holds the logits of another teacher (weights of SHA-256 \(digests[0])), expected those of "
        + "SHA-256 \(digests[1])\(advice)")
    #expect(!other.exists("run"))
    try FileManager.default.removeItem(atPath: teacher.folder + "/run")
    try refused(
      try recipe(teacher, cache, "stages[1].sequenceLength=32"), teacher,
      ": holds the logits of sequences of 64 tokens, expected 32\(advice)")
    try refused(
      try recipe(teacher, cache, "stages[1].cachedLogits.topK=5"), teacher,
      ": holds the logits of the top 4 tokens, expected 5\(advice)")
    #expect(!teacher.exists("run"))
    // Other sequences are seen when the text has been read.
    let error = #expect(throws: InputError.self) {
      try teacher.run(try recipe(teacher, cache, "stages[1].steps=7"))
    }
    #expect(
      try #require(error).description.hasPrefix("\(path): holds the logits of other sequences"))
    try FileManager.default.removeItem(atPath: path)
    try FileManager.default.copyItem(
      atPath: teacher.folder + "/run/artefacts/01-output-alignment.h5", toPath: path)
    try refused(
      try recipe(teacher, cache, "output=\(teacher.folder)/run2"), teacher,
      ": is no file of cached logits; remove it, or name another")
  }

  @Test func `a folder that is not there is missed before any work, not after the stage before`()
    throws
  {
    let teacher = try TinyTeacher()
    defer { #expect(throws: Never.self) { try teacher.remove() } }
    let path = teacher.folder + "/cache/logits.h5"
    let error = #expect(throws: InputError.self) {
      try teacher.run(
        try recipe(teacher, #"stages[1].cachedLogits={"path":"\#(path)","topK":4}"#))
    }
    #expect(
      error?.description
        == "\(path): cannot be written: \(teacher.folder)/cache is no folder; make it, or name "
        + "another file")
    #expect(!teacher.exists("run"))
  }

  @Test func `more tokens than the teacher has, and patterns of nothing, are refused`() throws {
    let teacher = try TinyTeacher()
    defer { #expect(throws: Never.self) { try teacher.remove() } }
    let error = #expect(throws: StageMistake.self) {
      try teacher.run(
        try recipe(
          teacher, #"stages[1].cachedLogits={"path":"\#(teacher.folder)/l.h5","topK":62}"#))
    }
    #expect(
      error?.description
        == "the stage \"logit-distillation\", cachedLogits.topK: found 62, expected at most the 61 "
        + "tokens that the teacher has")
    #expect(!teacher.exists("run"))
    let pattern = #expect(throws: ModelError.self) {
      _ = try Preflight(
        recipe(
          teacher, #"stages[1].parameters=["lm_head.weight", "*.self_atn.*"]"#
        ))
    }
    #expect(pattern?.problems.count == 1)
  }
}

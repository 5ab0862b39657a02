import Documents
import Evaluation
import Foundation
import Models
import ModelsTestSupport
import TestSupport
import Testing
import Transformers

@testable import Pipeline

/// Students without a feature map, from the recipe to the text.
@Suite struct RADStudentTests {
  @Test(arguments: ["rad-rwkv6", "rad-rwkv7", "qlinatt"])
  func `A recipe runs to its report, and the student opens again`(mixer: String) throws {
    let teacher = try TinyTeacher()
    defer { #expect(throws: Never.self) { try teacher.remove() } }
    let recipe = try teacher.recipe(#"student={"mixer": "\#(mixer)"}"#)
    _ = try Preflight(recipe)
    #expect(try teacher.run(recipe) == .success)
    let results = try DocumentFile("\(teacher.folder)/run/results.json").read()
    let measures = try #require(results["linearize"]?["measures"])
    let perplexity = try #require(measures["studentPerplexity"]?.doubleValue)
    #expect(perplexity.isFinite && perplexity > 1)
    let losses = try String(
      contentsOfFile: "\(teacher.folder)/run/metrics.jsonl", encoding: .utf8
    ).split(separator: "\n").map { try JSONValue(parsing: String($0)) }
      .filter { $0["stage"] == "attention-transfer" }.compactMap { $0["loss"]?.doubleValue }
    #expect(losses.count == 6 && losses.last! < losses.first!)
    let model = try LoadedModel.open("\(teacher.folder)/run")
    #expect(model.decoder.lengthLimit == nil)
    // A session's state has one size for every length.
    let session = DecodingSession(model.decoder)
    let bytes = session.stateBytes
    _ = session.advance([1, 5, 9, 2])
    #expect(session.stateBytes == bytes)
  }

  @Test func `What attention transfer cannot do with such a student is said with the recipe`()
    throws
  {
    let teacher = try TinyTeacher()
    defer { #expect(throws: Never.self) { try teacher.remove() } }
    let options = [
      "stages[0].attentionWeightCrossEntropyWeight=1", "stages[0].activations={}",
    ]
    let recipe = { (mixer: String) in
      try teacher.recipe([#"student={"mixer": "\#(mixer)"}"#] + options)
    }
    _ = try Preflight(recipe("linear"))
    for check: (LoadedRecipe) throws -> Void in [
      { _ = try Preflight($0) }, { _ = try teacher.run($0) },
    ] {
      let error = #expect(throws: ModelError.self) { try check(try recipe("rad-rwkv7")) }
      #expect(
        error?.problems == [
          """
          stages[0].losses name "attention-weight-cross-entropy", but the student's mixer, \
          RADRWKV7Mixer, has no attention weights to compare (in short: \
          attentionWeightCrossEntropyWeight); remove it
          """,
          """
          stages[0].activations trains blocks of layers apart, but this student's layers share the \
          values of the first; set it to null
          """,
        ])
      let other = #expect(throws: ModelError.self) { try check(try recipe("rad-rwkv6")) }
      #expect(other?.problems.count == 1)
    }
    #expect(!teacher.exists("run"))
  }

  @Test func `A sixth generation is trained from stored activations as in the joint pass`() throws {
    let teacher = try TinyTeacher()
    defer { #expect(throws: Never.self) { try teacher.remove() } }
    let common = [#"student={"mixer": "rad-rwkv6"}"#, "stages[0].keepBest=false"]
    _ = try teacher.run(try teacher.recipe(common, output: "joint"))
    _ = try teacher.run(
      try teacher.recipe(
        common + [#"stages[0].activations={"storage":"float32"}"#], output: "stored"))
    let artefacts = try ["joint", "stored"].map {
      try StudentArtefact.read("\(teacher.folder)/\($0)/artefacts/01-attention-transfer.h5")
    }
    for (left, right) in zip(artefacts[0].tensors, artefacts[1].tensors) {
      #expect(left.tensor.elements == right.tensor.elements, "\(left.name)")
    }
  }

  @Test func `Attention weights that a student has not are not captured`() throws {
    try withTemporaryFolder { folder in
      try TinyCheckpoint.write(TinyCheckpoint.llama(), to: folder)
      try TinyCheckpoint.writeStudent(
        of: folder, to: "\(folder)/student.h5", student: ["mixer": "rad-rwkv7"])
      try DocumentFile("\(folder)/ids.json").replace(with: "[[1, 2, 3]]")
      let model = try LoadedModel.open("\(folder)/student.h5")
      let capture = { (includesAttentions: Bool) in
        try ActivationCapture(model, includesAttentions: includesAttentions).run(
          tokens: "\(folder)/ids.json", output: "\(folder)/out.h5")
      }
      try capture(false)
      let error = #expect(throws: InputError.self) { try capture(true) }
      #expect(
        error?.description == """
          \(model.location), layer 0: has a mixer without attention weights: its outputs are no \
          sums of values with weights; capture without them
          """)
    }
  }
}

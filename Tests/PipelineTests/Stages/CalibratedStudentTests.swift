import Documents
import Foundation
import Models
import Students
import Testing
import Transformers

@testable import Pipeline

/// Students whose start is computed of their teacher, from the recipe on.
@Suite struct CalibratedStudentTests {
  private let artefact = "run/artefacts/01-attention-transfer.h5"

  private func recipe(_ teacher: TinyTeacher, _ mixer: String, _ start: String) throws
    -> LoadedRecipe
  {
    try teacher.recipe(
      #"student={"mixer": "\#(mixer)", "decayStart": "\#(start)"}"#, "stages[0].keepBest=false")
  }

  @Test(arguments: ["rad-rwkv6", "rad-rwkv7"])
  func `A stopped and resumed run starts from the same student and writes the same bytes`(
    mixer: String
  ) throws {
    let teacher = try TinyTeacher()
    defer { #expect(throws: Never.self) { try teacher.remove() } }
    let recipe = try recipe(teacher, mixer, "calibrated")
    _ = try Preflight(recipe)
    #expect(try teacher.run(recipe) == .success)
    let expected = try teacher.bytes(artefact)
    try FileManager.default.removeItem(atPath: teacher.folder + "/run")
    try teacher.runInterrupted(recipe, afterPolls: 5)
    #expect(try teacher.bytes(artefact) == expected)
    let name = mixer == "rad-rwkv6" ? "time_decay" : "w0"
    let calibrated = try teacher.tensors("attention-transfer")
    try FileManager.default.removeItem(atPath: teacher.folder + "/run")
    #expect(try teacher.run(try self.recipe(teacher, mixer, "scheduled")) == .success)
    let scheduled = try teacher.tensors("attention-transfer")
    #expect(Set(calibrated.keys) == Set(scheduled.keys))
    // Six steps do not lead from one start to the other.
    let difference = zip(
      calibrated["model.layers.0.self_attn.\(name)"]!,
      scheduled["model.layers.0.self_attn.\(name)"]!
    ).reduce(0) { max($0, abs($1.0 - $1.1)) }
    #expect(difference > 0.5)
  }

  @Test func `Sequences are drawn by the seed, and long documents are cut`() throws {
    let teacher = try TinyTeacher()
    defer { #expect(throws: Never.self) { try teacher.remove() } }
    let recipe = try recipe(teacher, "rad-rwkv6", "calibrated")
    let model = try LoadedModel.open(recipe.recipe.teacher, seed: 0)
    let data = try RecipeData(recipe.recipe.data, model: model, seed: 0)
    let student = try #require(recipe.recipe.student)
    let draw = { (seed: UInt64) in
      StudentCalibration(specification: student, seed: seed).documents(data.train).map(\.tokens)
    }
    #expect(draw(1) == draw(1) && draw(1) != draw(2))
    #expect(draw(1).count == StudentCalibration.sequences)
    #expect(draw(1).allSatisfy { $0.count == 64 })
  }

  @Test func `A model that is trained from the start has no attention to be measured`() throws {
    let teacher = try TinyTeacher()
    defer { #expect(throws: Never.self) { try teacher.remove() } }
    let error = #expect(throws: RecipeError.self) {
      try teacher.recipe(
        #"student={"mixer": "rad-rwkv6", "decayStart": "calibrated"}"#,
        #"stages=[{"stage": "pretrain", "steps": 1}]"#)
    }
    #expect("\(error!)".contains("decayStart"))
  }
}

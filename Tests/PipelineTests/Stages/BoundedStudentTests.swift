import Documents
import Evaluation
import Foundation
import Models
import Testing
import Transformers

@testable import Pipeline

/// Students of a feature map that trains nothing and has an end, from the recipe to the text.
@Suite struct BoundedStudentTests {
  private static func student(_ maximumLength: Int) -> String {
    #"student={"mixer": "linear", "featureMap": {"kind": "cosformer", "#
      + #""maximumLength": \#(maximumLength)}}"#
  }

  @Test func `Sequences longer than the student was made for are refused with the recipe`() throws {
    let mistakes = { (length: Int) in try SampleRecipe.mistakes([Self.student(length)]) }
    #expect(try mistakes(128) == [])
    #expect(
      try mistakes(127) == [
        """
        $.student.featureMap.maximumLength: found 127, expected at least the 128 tokens of \
        data.sequenceLength
        """
      ])
  }

  @Test func `A stage's own length is held against the student's and the data's`() throws {
    let stage = #"stages[1]={"stage": "finetune", "steps": 1, "sequenceLength": 4096}"#
    #expect(
      try SampleRecipe.mistakes([Self.student(2048), stage, "data.maximumTokens=4000"]) == [
        """
        $.student.featureMap.maximumLength: found 2048, expected at least the 4096 tokens of \
        stages[1].sequenceLength
        """,
        """
        $.stages[1].sequenceLength: found 4096, expected at most the 4000 tokens of \
        data.maximumTokens
        """,
      ])
  }

  @Test func `A recipe is held against its teacher's heads`() throws {
    let teacher = try TinyTeacher()
    defer { #expect(throws: Never.self) { try teacher.remove() } }
    _ = try Preflight(try teacher.recipe("student.featureMap.projectionDim=8"))
    let error = #expect(throws: ModelError.self) {
      try Preflight(
        try teacher.recipe("student.featureMap.projectionDim=9", "student.softmaxLayers=[5]"))
    }
    #expect(
      error?.description == """
        tiny.json: 2 problems
          - student.softmaxLayers names layer 5, the teacher has layers 0 to 1
          - student.featureMap.projectionDim is 9, but heads of 8 coordinates fill no more than 8 of \
        an identity at the start; use at most 8, or "initialization": "kaiming"
        """)
  }

  @Test func `A student without parameters is converted, and its end is kept wherever it reads`()
    throws
  {
    let teacher = try TinyTeacher()
    defer { #expect(throws: Never.self) { try teacher.remove() } }
    #expect(try teacher.run(try teacher.recipe(Self.student(64))) == .success)
    let model = try LoadedModel.open("\(teacher.folder)/run")
    #expect(model.decoder.parameters.count == 2 * 8)
    #expect(model.decoder.lengthLimit?.tokens == 64)
    #expect(ModelEvaluation(model).defaultSequenceLength == 64)

    #expect(
      #expect(throws: InputError.self) {
        try SequenceBounds.check(65, model, "long.json")
      }?.description == """
        long.json: sequences of 65 tokens, but \(model.location) has a feature map for sequences \
        of at most 64 tokens (its maximumLength); give shorter ones
        """)
    let speed = SpeedMeasurement(lengths: [32, 62], steps: 4, clock: { 0 })
    #expect(
      #expect(throws: SpeedError.self) {
        try speed.run(teacher: model.decoder.original, student: model.decoder)
      }?.description == """
        context lengths 62 are too long: the model has a feature map for sequences of at most 64 \
        tokens (its maximumLength); expected at most 59, which leaves room for 5 steps after each: \
        give shorter ones
        """)
  }
}

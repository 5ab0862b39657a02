import Checkpoints
import Foundation
import Models
import TensorCore
import TestSupport
import Testing

@testable import Pipeline

@Suite struct CheckpointOpeningTests {
  private func parameters(_ model: LoadedModel) -> [String: [Float]] {
    Dictionary(
      uniqueKeysWithValues: model.decoder.parameters.map {
        ($0.name, $0.parameter.value.elements)
      })
  }

  private let distillation = """
    stages=[{"stage":"output-alignment","steps":2,"gradientAccumulation":1,"keepBest":false},\
    {"stage":"logit-distillation","steps":6,"gradientAccumulation":1,"checkpointEvery":2,\
    "keepBest":false,"optimizer":{"learningRate":0.003}}]
    """
  private let adaptation = """
    stages=[{"stage":"attention-transfer","steps":2,"gradientAccumulation":1},\
    {"stage":"low-rank-adaptation","id":"repair","steps":6,"gradientAccumulation":1,"rank":2,"alpha":5,\
    "checkpointEvery":2,"keepBest":false,"optimizer":{"learningRate":0.01}}]
    """

  @Test(arguments: [false, true])
  func `A checkpoint opens as the student that the stage would have left`(adapts: Bool) throws {
    let teacher = try TinyTeacher()
    defer { #expect(throws: Never.self) { try teacher.remove() } }
    #expect(try teacher.run(try teacher.recipe(adapts ? adaptation : distillation)) == .success)
    let run = "\(teacher.folder)/run"
    let last = try LoadedModel.open(run)
    let same = try LoadedModel.open(checkpointOf: run, step: 6, stage: nil)
    #expect(parameters(same) == parameters(last))
    #expect(same.student?.adapters == last.student?.adapters)
    #expect((same.student?.adapters?.alpha == 5) == adapts)
    #expect(same.decoder.isHeadTied == last.decoder.isHeadTied)
    let earlier = try LoadedModel.open(
      checkpointOf: run, step: 4, stage: adapts ? "repair" : "logit-distillation")
    #expect(parameters(earlier).keys == parameters(last).keys)
    #expect(parameters(earlier) != parameters(last))
    #expect(earlier.student?.stage.hasSuffix(", step 4") == true)
    // Of the stage before, whose parameters stand beside what was drawn.
    _ = try LoadedModel.open(checkpointOf: run, step: 2, stage: adapts ? "attention-transfer" : nil)
  }

  @Test func `A step without a checkpoint is refused with those that there are`() throws {
    let teacher = try TinyTeacher()
    defer { #expect(throws: Never.self) { try teacher.remove() } }
    _ = try teacher.run(try teacher.recipe(distillation))
    let run = "\(teacher.folder)/run"
    var error = #expect(throws: CheckpointError.self) {
      try LoadedModel.open(checkpointOf: run, step: 5, stage: nil)
    }
    #expect(
      error?.description
        == "\(run): found no checkpoint of step 5, expected logit-distillation 4, "
        + "logit-distillation 6, output-alignment 2")
    #expect(error?.exitCode == .missingInput)
    error = #expect(throws: CheckpointError.self) {
      try LoadedModel.open(checkpointOf: "\(teacher.folder)/teacher", step: 4, stage: nil)
    }
    #expect(error?.description.contains("expected the folder of a run") == true)
    // One that was damaged is not opened.
    let state = "\(run)/checkpoints/logit-distillation/step-00000004/state.h5"
    var bytes = try Data(contentsOf: URL(fileURLWithPath: state))
    bytes[bytes.count / 2] ^= 1
    try bytes.write(to: URL(fileURLWithPath: state))
    #expect(throws: PublicationError.self) {
      try LoadedModel.open(checkpointOf: run, step: 4, stage: nil)
    }
  }
}

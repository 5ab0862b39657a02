import Differentiation
import Documents
import Models
import Operations
import Students
import TensorCore
import Testing
import Transformers

@testable import Pipeline

/// What becomes of a stage that compares attention weights with a mixer that has none.
@Suite struct AttentionWeightStageTests {
  /// A mixer that says no more of itself than it must, with something to train.
  private final class PlainMixer: TokenMixer {
    private let softmax: SoftmaxAttentionMixer
    private let factors: Parameter

    init(_ shape: AttentionShape) {
      softmax = SoftmaxAttentionMixer(shape: shape)
      factors = Parameter(name: "factors", value: Tensor(repeating: 0.5, [shape.queryWidth]))
    }

    var parameters: [Parameter] { [factors] }

    func forward(_ input: MixerInput, memory: inout Memory?, on tape: Tape) -> Variable {
      tape.scaleChannels(
        softmax.forward(input, memory: &memory, on: tape), by: tape.parameter(factors))
    }

    func makeMemory() -> Memory { softmax.makeMemory() }
    func cost(length: Int) -> MixerCost { softmax.cost(length: length) }
  }

  private func student(_ recipe: LoadedRecipe) throws -> Decoder {
    try LoadedModel.open(recipe.recipe.teacher, seed: 0).decoder.replacingMixers {
      PlainMixer($0.configuration.attention)
    }
  }

  @Test func `A mixer that says nothing of attention weights is refused by name before a stage`()
    throws
  {
    let teacher = try TinyTeacher()
    defer { #expect(throws: Never.self) { try teacher.remove() } }
    let recipe = try teacher.recipe(
      "stages[0].attentionWeightCrossEntropyWeight=1", "stages[0].meanSquaredErrorWeight=0")
    let student = try student(recipe)
    let error = #expect(throws: ModelError.self) { try recipe.requireStages(of: student) }
    #expect(
      error?.problems == [
        """
        stages[0].losses name "attention-weight-cross-entropy", but the student's mixer, PlainMixer, \
        has no attention weights to compare (in short: attentionWeightCrossEntropyWeight); remove it
        """
      ])
  }

  @Test func `A stage that meets such a mixer ends before its first step`() throws {
    let teacher = try TinyTeacher()
    defer { #expect(throws: Never.self) { try teacher.remove() } }
    let recipe = try teacher.recipe(
      "stages[0].attentionWeightCrossEntropyWeight=1", "stages[0].meanSquaredErrorWeight=0")
    let specification = try #require(
      recipe.recipe.stages[0].specification as? any TransferStage)
    let student = try student(recipe)
    let error = #expect(throws: StageMistake.self) {
      try specification.requireFit(of: student, id: "attention-transfer")
    }
    #expect(error?.field == "losses")
    // By its outputs it can be trained.
    try
      (try #require(
        try teacher.recipe().recipe.stages[0].specification as? any TransferStage)).requireFit(
        of: student, id: "attention-transfer")
  }
}

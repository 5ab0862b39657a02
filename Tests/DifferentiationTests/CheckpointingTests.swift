import Operations
import TensorCore
import TestSupport
import Testing

@testable import Differentiation

@Suite struct CheckpointingTests {
  private struct Result: Equatable {
    var output: [Float]
    var input: [Float]?
    var parameters: [String: [Float]?]
  }

  /// Two blocks of the same parameters, one after another, each checkpointed or not.
  private func run(
    checkpointed: Bool, parameters: [String: Parameter], input: Tensor, isLeaf: Bool = true,
    outputGradient: [Double], _ body: @escaping (Tape, Variable) -> Variable
  ) -> Result {
    let tape = Tape()
    let x = isLeaf ? tape.leaf(input) : tape.constant(input)
    var output = x
    for _ in 0..<2 {
      output = checkpointed ? tape.checkpointed(output, body) : body(tape, output)
    }
    tape.backward(from: [(output, tensor(outputGradient, input.shape))])
    return Result(
      output: output.value.elements, input: x.gradient?.elements,
      parameters: parameters.mapValues { $0.gradient?.elements })
  }

  @Test func `A checkpointed decoder block has the same outputs and gradients, bit for bit`() {
    let block = AttentionBlock()
    let input = tensor(block.values["x"]!, [11, 8])
    let results = [false, true].map { checkpointed in
      let parameters = block.parameters()
      return run(
        checkpointed: checkpointed, parameters: parameters, input: input,
        outputGradient: block.outputGradient
      ) { block.forward($0, $1, parameters) }
    }
    #expect(results[0] == results[1])
    #expect(results[0].input != nil)
    #expect(results[0].parameters.values.allSatisfy { $0 != nil })
  }

  @Test func `Dropout draws the same mask when a checkpointed layer is computed again`() {
    let block = LinearAttentionBlock(window: .sliding(3))
    let input = tensor(block.values["x"]!, [9, 8])
    let results = [false, true].map { checkpointed in
      let parameters = block.parameters()
      return run(
        checkpointed: checkpointed, parameters: parameters, input: input,
        outputGradient: block.outputGradient
      ) { block.forward($0, $1, parameters) }
    }
    #expect(results[0] == results[1])
  }

  @Test func `Parameters inside are trained also when the input needs no gradient`() {
    let block = AttentionBlock()
    let input = tensor(block.values["x"]!, [11, 8])
    let results = [false, true].map { checkpointed in
      let parameters = block.parameters()
      return run(
        checkpointed: checkpointed, parameters: parameters, input: input, isLeaf: false,
        outputGradient: block.outputGradient
      ) { block.forward($0, $1, parameters) }
    }
    #expect(results[0] == results[1])
    #expect(results[1].input == nil)
    #expect(results[1].parameters.values.allSatisfy { $0 != nil })
  }

  @Test func `A body runs once forward without recording, and once more for its gradient`() {
    let input = Tensor([1, 2], [1, 2])
    let passes = Passes()
    let tape = Tape()
    let x = tape.leaf(input)
    let output = tape.checkpointed(x) { tape, x in
      passes.isRecording.append(tape.isRecording)
      return tape.add(x, 2, x)
    }
    #expect(passes.isRecording == [false])
    #expect(output.value.elements == [3, 6])
    tape.backward(from: [(output, Tensor([1, 10], [1, 2]))])
    #expect(passes.isRecording == [false, true])
    #expect(x.gradient?.elements == [3, 30])
  }

  @Test func `A body that returns its input passes the gradient through`() {
    let tape = Tape()
    let x = tape.leaf(Tensor([1, 2], [1, 2]))
    let output = tape.checkpointed(x) { _, x in x }
    tape.backward(from: [(output, Tensor([5, 7], [1, 2]))])
    #expect(x.gradient?.elements == [5, 7])
  }

  @Test func `On a tape that does not record, a body runs once and leaves no gradient`() {
    let passes = Passes()
    let tape = Tape(isRecording: false)
    let output = tape.checkpointed(tape.leaf(Tensor([1], [1, 1]))) { tape, x in
      passes.isRecording.append(tape.isRecording)
      return tape.add(x, x)
    }
    tape.backward(from: [(output, Tensor([1], [1, 1]))])
    #expect(output.value.elements == [2])
    #expect(!output.requiresGradient)
    #expect(passes.isRecording == [false])
  }

  private final class Passes { var isRecording: [Bool] = [] }
}

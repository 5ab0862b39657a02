import Operations
import TensorCore
import TestSupport
import Testing

@testable import Differentiation

@Suite struct TapeTests {
  private let one = Tensor([1, 1, 1, 1], [2, 2])

  /// An operation that counts how often its gradient is asked for: `y = 3 x`.
  private func tripled(_ tape: Tape, _ x: Variable, calls: Counter) -> Variable {
    tape.record([x], scaled(x.value, by: 3)) {
      calls.count += 1
      return [scaled($0, by: 3)]
    }
  }

  private final class Counter { var count = 0 }

  @Test func `A parameter that is used twice gets the sum of both gradients`() {
    let weight = parameter("w", [1, 2, 3, 4], [2, 2])
    let tape = Tape()
    #expect(tape.parameter(weight) === tape.parameter(weight))
    let x = tape.constant(Tensor([1, 0, 0, 1], [2, 2]))
    let output = tape.add(
      tape.linear(x, tape.parameter(weight)), 10, tape.linear(x, tape.parameter(weight)))
    tape.backward(from: [(output, one)])
    #expect(weight.gradient?.elements == [11, 11, 11, 11])
  }

  @Test func `A variable that is used twice, also by one operation, gets the sum of its gradients`()
  {
    let tape = Tape()
    let x = tape.leaf(Tensor([1, 2, 3, 4], [2, 2]))
    let square = tape.siluMultiply(gate: x, up: x)
    tape.backward(from: [(tape.add(square, x), one)])
    let gradients = siluMultiplyGradients(one, gate: x.value, up: x.value)
    #expect(x.gradient?.elements == sum(sum(one, gradients.gate), gradients.up).elements)
  }

  @Test func `Gradients of parameters add up over backward passes until they are cleared`() {
    let weight = parameter("w", [1, 2, 3, 4], [2, 2])
    let pass = {
      let tape = Tape()
      let x = tape.constant(Tensor([1, 2, 3, 4], [2, 2]))
      tape.backward(from: [(tape.linear(x, tape.parameter(weight)), self.one)])
    }
    pass()
    #expect(weight.gradient?.elements == [4, 6, 4, 6])
    pass()
    #expect(weight.gradient?.elements == [8, 12, 8, 12])
    weight.gradient = nil
    pass()
    #expect(weight.gradient?.elements == [4, 6, 4, 6])
  }

  @Test func `What is left of a pass adds nothing to the next one on the same tape`() {
    let weight = parameter("w", [1, 2, 3, 4], [2, 2])
    let calls = Counter()
    let tape = Tape()
    let first = tripled(tape, tape.parameter(weight), calls: calls)
    tape.backward(from: [(first, one)])
    #expect(calls.count == 1)
    #expect(weight.gradient?.elements == [3, 3, 3, 3])
    tape.backward(from: [(first, one)])
    #expect(calls.count == 1)
    #expect(weight.gradient?.elements == [3, 3, 3, 3])
    let second = tripled(tape, tape.parameter(weight), calls: calls)
    tape.backward(from: [(second, one)])
    #expect(calls.count == 2)
    #expect(weight.gradient?.elements == [6, 6, 6, 6])
  }

  @Test func `The tape lets go of the tensors that it kept once the backward pass is done`() {
    final class Witness {}
    weak var kept: Witness?
    let tape = Tape()
    let x = tape.leaf(one)
    var output: Variable?
    do {
      let witness = Witness()
      kept = witness
      output = tape.record([x], one) {
        withExtendedLifetime(witness) {}
        return [$0]
      }
    }
    #expect(kept != nil)
    tape.backward(from: [(output!, one)])
    #expect(kept == nil)
    #expect(x.gradient?.elements == one.elements)
  }

  @Test func `Operations on frozen inputs are not recorded, and their gradients never computed`() {
    let calls = Counter()
    let frozen = parameter("w", [1, 2, 3, 4], [2, 2])
    frozen.isTrainable = false
    let tape = Tape()
    let constant = tape.constant(one)
    for variable in [
      tripled(tape, constant, calls: calls),
      tripled(tape, tape.parameter(frozen), calls: calls),
      tape.add(constant, tape.parameter(frozen)),
      tape.linear(constant, stored([1, 2, 3, 4], [2, 2])),
    ] {
      #expect(!variable.requiresGradient)
      tape.backward(from: [(variable, one)])
    }
    #expect(calls.count == 0)
    #expect(frozen.gradient == nil && constant.gradient == nil)
  }

  @Test func `Frozen inputs of a recorded operation get no gradient, the others theirs`() {
    let frozen = parameter("frozen", [1, 2, 3, 4], [2, 2])
    frozen.isTrainable = false
    let trained = parameter("trained", [1, 0, 0, 1], [2, 2])
    let tape = Tape()
    let x = tape.constant(Tensor([1, 2, 3, 4], [2, 2]))
    let middle = tape.linear(x, tape.parameter(trained))
    let output = tape.linear(middle, tape.parameter(frozen))
    #expect(middle.requiresGradient && output.requiresGradient)
    tape.backward(from: [(output, one)])
    #expect(frozen.gradient == nil)
    // dW = (dY F)ᵀ X with dY F = [[4, 6], [4, 6]].
    #expect(trained.gradient?.elements == [16, 24, 24, 36])
  }

  @Test func `Branches that the loss does not depend on are skipped`() {
    let calls = Counter()
    let tape = Tape()
    let x = tape.leaf(one)
    _ = tripled(tape, x, calls: calls)
    let used = tape.add(x, x)
    tape.backward(from: [(used, one)])
    #expect(calls.count == 0)
    #expect(x.gradient?.elements == [2, 2, 2, 2])
  }

  @Test func `Several losses, one inside another's graph, are summed`() {
    let calls = Counter()
    let tape = Tape()
    let x = tape.leaf(one)
    let inner = tripled(tape, x, calls: calls)
    let outer = tripled(tape, inner, calls: calls)
    tape.backward(from: [(outer, one), (inner, scaled(one, by: 100))])
    #expect(calls.count == 2)
    #expect(x.gradient?.elements == [309, 309, 309, 309])
  }

  @Test func `A tape that does not record computes the same and keeps nothing`() {
    let block = AttentionBlock()
    let parameters = block.parameters()
    let input = tensor(block.values["x"]!, [11, 8])
    let recording = Tape()
    let expected = block.forward(recording, recording.leaf(input), parameters)
    let tape = Tape(isRecording: false)
    let output = block.forward(tape, tape.leaf(input), parameters)
    #expect(output.value.elements == expected.value.elements)
    #expect(!output.requiresGradient)
    tape.backward(from: [(output, tensor(block.outputGradient, [11, 8]))])
    #expect(parameters.values.allSatisfy { $0.gradient == nil })
  }

  @Test func `Dropout of probability 0 is nothing at all, and otherwise the mask goes both ways`() {
    let tape = Tape()
    let generator = SeededGenerator(seed: 1, purpose: "dropout")
    let x = tape.leaf(Tensor((0..<600).map { Float($0) + 1 }, [20, 30]))
    #expect(tape.dropout(x, probability: 0, generator: generator) === x)
    let dropped = tape.dropout(x, probability: 0.5, generator: generator)
    tape.backward(from: [(dropped, Tensor(repeating: 1, [20, 30]))])
    let mask = dropoutMask([20, 30], probability: 0.5, generator: generator)
    #expect(dropped.value.elements == product(x.value, mask).elements)
    #expect(x.gradient?.elements == mask.elements)
  }
}

import Operations
import TensorCore
import TestSupport
import Testing

@testable import Differentiation

@Suite struct TrainedWeightTests {
  private static let (tokens, inputs, outputs) = (37, 9, 14)

  private static let values: Values = {
    var draw = TestValues(3)
    return [
      "x": draw.normal(tokens * inputs), "weight": draw.normal(outputs * inputs),
      "bias": draw.normal(outputs), "upstream": draw.normal(tokens * outputs),
    ]
  }()

  private static func naive(_ values: Values, hasBias: Bool) -> [Double] {
    let product = linear(values["x"]!, values["weight"]!, inputs: inputs)
    return product.enumerated().map { hasBias ? $1 + values["bias"]![$0 % outputs] : $1 }
  }

  @Test func `A trained projection has its definition's gradients, with and without a bias`() throws
  {
    let (tokens, inputs, outputs) = (Self.tokens, Self.inputs, Self.outputs)
    for hasBias in [false, true] {
      let tape = Tape()
      let x = tape.leaf(tensor(Self.values["x"]!, [tokens, inputs]))
      let weight = tape.leaf(tensor(Self.values["weight"]!, [outputs, inputs]))
      let bias = tape.leaf(tensor(Self.values["bias"]!, [outputs]))
      let output = tape.projection(x, weight: weight, bias: hasBias ? bias : nil)
      let expected = Self.naive(Self.values, hasBias: hasBias)
      #expect(relativeRMS(output.value.elements, expected) < 1e-6)
      tape.backward(from: [(output, tensor(Self.values["upstream"]!, [tokens, outputs]))])
      var found: [String: Tensor?] = ["x": x.gradient, "weight": weight.gradient]
      if hasBias { found["bias"] = bias.gradient }
      try expectGradients(found, at: Self.values, within: 1e-6) {
        dot(Self.naive($0, hasBias: hasBias), $0["upstream"]!)
      }
      if !hasBias { #expect(bias.gradient == nil) }
    }
  }

  @Test func `A trained projection computes what a frozen one does, to the bit, for any tokens`() {
    for tokens in [1, 2, 63, 64, 65] {
      var draw = TestValues(4)
      let x = tensor(draw.normal(tokens * 24), [tokens, 24])
      let weight = tensor(draw.normal(1100 * 24), [1100, 24])
      let bias = tensor(draw.normal(1100), [1100])
      let tape = Tape()
      let trained = tape.projection(
        tape.constant(x), weight: tape.leaf(weight), bias: tape.constant(bias))
      let frozen = tape.linear(tape.constant(x), StoredTensor(weight), bias: bias)
      #expect(trained.value.elements == frozen.value.elements)
    }
  }

  @Test func `Only what is trained gets a gradient: weight, bias or input alone`() {
    let (tokens, inputs, outputs) = (Self.tokens, Self.inputs, Self.outputs)
    let upstream = tensor(Self.values["upstream"]!, [tokens, outputs])
    func gradients(_ trained: Set<String>) -> [String: [Float]?] {
      let tape = Tape()
      let variable = { (name: String, shape: Shape) in
        let value = tensor(Self.values[name]!, shape)
        return trained.contains(name) ? tape.leaf(value) : tape.constant(value)
      }
      let x = variable("x", [tokens, inputs])
      let weight = variable("weight", [outputs, inputs])
      let bias = variable("bias", [outputs])
      let output = tape.projection(x, weight: weight, bias: bias)
      tape.backward(from: [(output, upstream)])
      return [
        "x": x.gradient?.elements, "weight": weight.gradient?.elements,
        "bias": bias.gradient?.elements,
      ]
    }
    let all = gradients(["x", "weight", "bias"])
    for name in ["x", "weight", "bias"] {
      let alone = gradients([name])
      #expect(alone[name]! == all[name]!)
      #expect(alone.values.count { $0 != nil } == 1)
    }
  }

  @Test func `A trained bias on frozen weights gets the column sums, the input its own gradient`()
    throws
  {
    let (tokens, inputs, outputs) = (Self.tokens, Self.inputs, Self.outputs)
    let tape = Tape()
    let x = tape.leaf(tensor(Self.values["x"]!, [tokens, inputs]))
    let bias = tape.leaf(tensor(Self.values["bias"]!, [outputs]))
    let output = tape.add(
      tape.linear(x, stored(Self.values["weight"]!, [outputs, inputs])), bias: bias)
    tape.backward(from: [(output, tensor(Self.values["upstream"]!, [tokens, outputs]))])
    try expectGradients(["x": x.gradient, "bias": bias.gradient], at: Self.values, within: 1e-6) {
      dot(Self.naive($0, hasBias: true), $0["upstream"]!)
    }
  }

  @Test func `Rows of a trained table get the sums of their places' gradients`() throws {
    let ids: [Int32] = [3, 0, 3, 5, 3, 0]
    var draw = TestValues(6)
    let values: Values = ["table": draw.normal(7 * 5), "upstream": draw.normal(6 * 5)]
    let tape = Tape()
    let table = tape.leaf(tensor(values["table"]!, [7, 5]))
    let output = tape.embedding(ids, table: table)
    tape.backward(from: [(output, tensor(values["upstream"]!, [6, 5]))])
    try expectGradients(["table": table.gradient], at: values, within: 1e-6) { values in
      dot(
        ids.flatMap { values["table"]![Int($0) * 5..<(Int($0) + 1) * 5] }, values["upstream"]!)
    }
  }
}

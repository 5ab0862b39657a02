import Operations
import TensorCore
import TestSupport
import Testing

@testable import Differentiation

/// A decoder block: norm, frozen projections with a low-rank pair on the queries, rotary
/// positions, grouped softmax attention, a trained output projection, a residual; then norm, a
/// gated unit and a residual.
struct AttentionBlock {
  static let rows = 11
  static let width = 8
  /// 2 query heads and 1 key head of 4 coordinates.
  static let shape = AttentionShape(queryHeads: 2, keyValueHeads: 1, headDim: 4)
  static let layout = SequenceLayout(
    rows: rows, segments: [.init(start: 0, count: 7), .init(start: 7, count: 4)])
  static let rotary = RotaryEmbedding(rotaryDim: 4, theta: 100)
  static let loraFactor: Float = 0.5

  let values: Values
  let outputGradient: [Double]
  static let trained: [String: Shape] = [
    "norm": [8], "loraA": [3, 8], "loraB": [8, 3], "output": [8, 8], "norm2": [8],
  ]

  init() {
    var draw = TestValues(1)
    values = [
      "x": draw.normal(Self.rows * 8), "norm": draw.normal(8), "loraA": draw.normal(24),
      "loraB": draw.normal(24), "output": draw.normal(64, scale: 0.5), "norm2": draw.normal(8),
      "query": draw.normal(64), "key": draw.normal(32), "value": draw.normal(32),
      "queryBias": draw.normal(8), "gate": draw.normal(96, scale: 0.5),
      "up": draw.normal(96, scale: 0.5), "down": draw.normal(96, scale: 0.5),
    ]
    outputGradient = draw.normal(Self.rows * 8)
  }

  func parameters() -> [String: Parameter] {
    Dictionary(
      uniqueKeysWithValues: Self.trained.map { ($0, parameter($0, values[$0]!, $1)) })
  }

  func frozen(_ name: String, _ shape: Shape) -> StoredTensor { stored(values[name]!, shape) }

  func forward(_ tape: Tape, _ x: Variable, _ parameters: [String: Parameter]) -> Variable {
    let p = { (name: String) in tape.parameter(parameters[name]!) }
    let h = tape.rmsNorm(x, weight: p("norm"), epsilon: 0.5)
    let lora = tape.linear(tape.linear(h, p("loraA")), p("loraB"))
    let bias = tensor(values["queryBias"]!, [8])
    var queries = tape.linear(h, frozen("query", [8, 8]), bias: bias)
    queries = tape.add(queries, Self.loraFactor, lora)
    queries = tape.rotate(queries, Self.rotary, headDim: 4, layout: Self.layout)
    var keys = tape.linear(h, frozen("key", [4, 8]))
    keys = tape.rotate(keys, Self.rotary, headDim: 4, layout: Self.layout)
    let mixed = tape.softmaxAttention(
      queries: queries, keys: keys, values: tape.linear(h, frozen("value", [4, 8])),
      shape: Self.shape, layout: Self.layout, window: 5)
    let middle = tape.add(x, tape.linear(mixed, p("output")))
    let h2 = tape.rmsNorm(middle, weight: p("norm2"), epsilon: 0.5)
    let hidden = tape.siluMultiply(
      gate: tape.linear(h2, frozen("gate", [12, 8])), up: tape.linear(h2, frozen("up", [12, 8])))
    return tape.add(middle, tape.linear(hidden, frozen("down", [8, 12])))
  }

  func naive(_ v: Values) -> [Double] {
    let positions = Self.layout.positions.map(Int.init)
    let rotate = {
      Naive.rotate(
        $0, headDim: 4, positions: positions, frequencies: Self.rotary.frequencies)
    }
    let h = Naive.rmsNorm(v["x"]!, weight: v["norm"]!, epsilon: 0.5)
    let lora = linear(linear(h, v["loraA"]!, inputs: 8), v["loraB"]!, inputs: 3)
    let plain = linear(h, v["query"]!, inputs: 8)
    let queries: [Double] = rotate(
      plain.indices.map {
        plain[$0] + v["queryBias"]![$0 % 8] + Double(Self.loraFactor) * lora[$0]
      })
    let keys: [Double] = rotate(linear(h, v["key"]!, inputs: 8))
    let values = linear(h, v["value"]!, inputs: 8)
    var mixed = [Double](repeating: 0, count: Self.rows * 8)
    for segment in Self.layout.segments {
      let rows = { (x: [Double], width: Int) in
        Array(x[segment.start * width..<segment.rows.upperBound * width])
      }
      for head in 0..<2 {
        let output = Naive.softmaxAttention(
          queries: slice(rows(queries, 8), width: 4, heads: 2, head: head), keys: rows(keys, 4),
          values: rows(values, 4), headDim: 4, scale: 0.5, window: 5
        ).output
        for (index, value) in output.enumerated() {
          mixed[(segment.start + index / 4) * 8 + head * 4 + index % 4] = value
        }
      }
    }
    let middle = zip(v["x"]!, linear(mixed, v["output"]!, inputs: 8)).map(+)
    let h2 = Naive.rmsNorm(middle, weight: v["norm2"]!, epsilon: 0.5)
    let hidden = Naive.siluMultiply(
      gate: linear(h2, v["gate"]!, inputs: 8), up: linear(h2, v["up"]!, inputs: 8))
    return zip(middle, linear(hidden, v["down"]!, inputs: 12)).map(+)
  }
}

@Suite struct AttentionBlockGradientTests {
  @Test func `A decoder block with a low-rank pair has the gradients of its naive twin`() throws {
    let block = AttentionBlock()
    let parameters = block.parameters()
    let tape = Tape()
    let x = tape.leaf(tensor(block.values["x"]!, [11, 8]))
    let output = block.forward(tape, x, parameters)
    #expect(relativeRMS(output.value.elements, block.naive(block.values)) < 2e-6)
    tape.backward(from: [(output, tensor(block.outputGradient, [11, 8]))])
    var found = parameters.mapValues(\.gradient)
    found["x"] = x.gradient
    try expectGradients(found, at: block.values, within: 1e-5) {
      dot(block.naive($0), block.outputGradient)
    }
  }

  @Test func `Without a leaf that needs it, parameters get the same gradients`() {
    let block = AttentionBlock()
    let gradients = [true, false].map { isLeaf in
      let parameters = block.parameters()
      let tape = Tape()
      let input = tensor(block.values["x"]!, [11, 8])
      let x = isLeaf ? tape.leaf(input) : tape.constant(input)
      let output = block.forward(tape, x, parameters)
      tape.backward(from: [(output, tensor(block.outputGradient, [11, 8]))])
      #expect((x.gradient != nil) == isLeaf)
      return parameters.mapValues { $0.gradient?.elements }
    }
    #expect(gradients[0] == gradients[1])
    #expect(gradients[0].values.allSatisfy { $0 != nil })
  }
}

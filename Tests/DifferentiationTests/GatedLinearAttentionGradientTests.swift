import Operations
import TensorCore
import TestSupport
import Testing

@testable import Differentiation

/// The operations of RAD-RWKV6 and RAD-RWKV7 in one graph: token shift, decays, gated linear
/// attention, group norm, a gate.
private struct GatedBlock {
  static let rows = 21
  static let width = 6
  static let heads = 2
  /// Two documents with padding between them.
  static let layout = SequenceLayout(
    rows: rows, segments: [.init(start: 0, count: 3), .init(start: 4, count: 17)])
  static let shape = RecurrentShape(
    queryHeads: heads, keyDim: width / heads, scale: 1 / Float(width / heads).squareRoot())
  static let trained: [String: Shape] = [
    "share": [width], "offset": [width], "query": [width, width], "key": [width, width],
    "decay": [width, width], "decayBias": [width], "gate": [width, width], "normWeight": [width],
    "normBias": [width],
  ]

  let values: Values
  let outputGradient: [Double]

  init() {
    var draw = TestValues(31)
    var values = ["x": draw.normal(Self.rows * Self.width)]
    for (name, shape) in Self.trained.sorted(by: { $0.key < $1.key }) {
      values[name] = draw.normal(shape.count, scale: 0.6)
    }
    self.values = values
    outputGradient = draw.normal(Self.rows * Self.width)
  }

  func forward(_ tape: Tape, _ x: Variable, _ parameters: [String: Parameter]) -> Variable {
    let p = { (name: String) in tape.parameter(parameters[name]!) }
    let difference = tape.tokenShiftDifference(x, layout: Self.layout)
    let shifted = tape.add(
      x, tape.scaleChannels(difference, by: p("share"), plus: p("offset")))
    let queries = tape.pointwise(tape.linear(shifted, p("query")), .tanh)
    let keys = tape.normalizeHeads(tape.linear(shifted, p("key")), headDim: Self.shape.keyDim)
    let decays = tape.pointwise(
      tape.add(tape.linear(shifted, p("decay")), bias: p("decayBias")), .boundedDecay)
    let balanced = tape.multiply(keys, tape.pointwise(decays, .oneMinusExp))
    let mixed = tape.gatedLinearAttention(
      queries: queries, keys: balanced, values: shifted, decay: .channel(decays), shape: Self.shape,
      layout: Self.layout
    ).numerator
    let normalized = tape.groupNorm(
      mixed, weight: p("normWeight"), bias: p("normBias"), headDim: Self.shape.keyDim,
      epsilon: 0.125)
    let gate = tape.pointwise(tape.linear(x, p("gate")), .sigmoid)
    return tape.multiply(normalized, tape.add(gate, tape.pointwise(gate, .softplus)))
  }

  func naive(_ v: Values) -> [Double] {
    let width = Self.width
    var difference = [Double](repeating: 0, count: v["x"]!.count)
    for segment in Self.layout.segments {
      let range = segment.start * width..<segment.rows.upperBound * width
      difference.replaceSubrange(
        range, with: Naive.tokenShiftDifference(Array(v["x"]![range]), width: width))
    }
    let shifted = zip(
      v["x"]!, Naive.scaledChannels(difference, by: v["share"]!, plus: v["offset"]!)
    ).map(+)
    let queries = Naive.pointwise(linear(shifted, v["query"]!, inputs: width), .tanh)
    let keys = Naive.normalizedHeads(
      linear(shifted, v["key"]!, inputs: width), headDim: Self.shape.keyDim)
    let plain = linear(shifted, v["decay"]!, inputs: width)
    let decays = Naive.pointwise(
      plain.indices.map { plain[$0] + v["decayBias"]![$0 % width] }, .boundedDecay)
    let balanced = zip(keys, Naive.pointwise(decays, .oneMinusExp)).map(*)
    var mixed = [Double](repeating: 0, count: shifted.count)
    let headDim = Self.shape.keyDim
    for segment in Self.layout.segments {
      for head in 0..<Self.heads {
        let part = { (x: [Double]) in
          slice(
            Array(x[segment.start * width..<segment.rows.upperBound * width]), width: headDim,
            heads: Self.heads, head: head)
        }
        let output = Naive.gatedLinearAttention(
          NaiveGatedLinearAttention(
            queries: part(queries), keys: part(balanced), values: part(shifted),
            logDecays: part(decays)),
          keyDim: headDim, valueDim: headDim, scale: Double(Self.shape.scale)
        ).numerator
        for (index, value) in output.enumerated() {
          let row = segment.start + index / headDim
          mixed[row * width + head * headDim + index % headDim] = value
        }
      }
    }
    let normalized = Naive.groupNorm(
      mixed, weight: v["normWeight"]!, bias: v["normBias"]!, headDim: headDim, epsilon: 0.125)
    let gate = Naive.pointwise(linear(v["x"]!, v["gate"]!, inputs: width), .sigmoid)
    let opened = zip(gate, Naive.pointwise(gate, .softplus)).map(+)
    return zip(normalized, opened).map(*)
  }
}

@Suite struct GatedLinearAttentionGradientTests {
  @Test func `A block of gated linear attention has the gradients of its naive twin`() throws {
    let block = GatedBlock()
    let shape: Shape = [GatedBlock.rows, GatedBlock.width]
    let parameters = Dictionary(
      uniqueKeysWithValues: GatedBlock.trained.map {
        ($0, parameter($0, block.values[$0]!, $1))
      })
    let tape = Tape()
    let x = tape.leaf(tensor(block.values["x"]!, shape))
    let output = block.forward(tape, x, parameters)
    #expect(relativeRMS(output.value.elements, block.naive(block.values)) < 2e-6)
    tape.backward(from: [(output, tensor(block.outputGradient, shape))])
    var found = parameters.mapValues(\.gradient)
    found["x"] = x.gradient
    try expectGradients(found, at: block.values, within: 1e-5) {
      dot(block.naive($0), block.outputGradient)
    }
  }

  @Test
  func `Group norm and channel scaling pass their gradients on without bias and weight as well`()
    throws
  {
    var draw = TestValues(32)
    let values = ["x": draw.normal(5 * 6), "factors": draw.normal(6)]
    let outputGradient = draw.normal(5 * 6)
    let factors = parameter("factors", values["factors"]!, [6])
    let tape = Tape()
    let x = tape.leaf(tensor(values["x"]!, [5, 6]))
    let output = tape.pointwise(
      tape.scaleChannels(
        tape.groupNorm(x, weight: nil, bias: nil, headDim: 3, epsilon: 0.25),
        by: tape.parameter(factors)), .exp)
    tape.backward(from: [(output, tensor(outputGradient, [5, 6]))])
    try expectGradients(["x": x.gradient, "factors": factors.gradient], at: values, within: 1e-5) {
      let zeros = [Double](repeating: 0, count: 6)
      let normalized = Naive.groupNorm(
        $0["x"]!, weight: zeros.map { $0 + 1 }, bias: zeros, headDim: 3, epsilon: 0.25)
      let scaled = Naive.scaledChannels(normalized, by: $0["factors"]!, plus: zeros)
      return dot(Naive.pointwise(scaled, .exp), outputGradient)
    }
  }
}

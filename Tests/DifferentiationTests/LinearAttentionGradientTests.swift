import Operations
import TensorCore
import TestSupport
import Testing

@testable import Differentiation

/// A linear-attention student: layer norm, projections, a learned feature map a head, attention in
/// its hybrid form, dropout, an activation.
struct LinearAttentionBlock: Sendable, CustomTestStringConvertible {
  let window: AttentionWindow
  var testDescription: String { "\(window)" }

  static let rows = 9
  static let layout = SequenceLayout(length: rows)
  static let attention = AttentionShape(queryHeads: 2, keyValueHeads: 1, headDim: 4)
  static let queryMap = FeatureProjectionShape(
    queryHeads: 2, inputHeads: 2, headDim: 4, projectionDim: 3)
  static let keyMap = FeatureProjectionShape(
    queryHeads: 2, inputHeads: 1, headDim: 4, projectionDim: 4, skipConnection: true)
  static let dropout = SeededGenerator(seed: 5, purpose: "dropout")
  static let trained: [String: Shape] = [
    "norm": [8], "normBias": [8], "query": [8, 8], "key": [4, 8], "value": [4, 8],
    "queryMap": [2, 4, 3], "queryMapBias": [2, 3], "keyMap": [2, 4, 4], "keyMapBias": [2, 1],
    "factors": [2],
  ]

  var shape: HybridAttentionShape {
    HybridAttentionShape(
      attention: Self.attention, featureDim: 12, window: window, isAffine: window != .none)
  }

  var values: Values {
    var draw = TestValues(2)
    var values = ["x": draw.normal(Self.rows * 8)]
    for (name, shape) in Self.trained.sorted(by: { $0.key < $1.key }) {
      values[name] = draw.normal(shape.count, scale: 0.7)
    }
    // Feature maps of 3 and 4 coordinates are both brought to the features' width.
    values["widen3"] = draw.normal(12 * 6, scale: 0.5)
    values["widen4"] = draw.normal(12 * 8, scale: 0.5)
    return values
  }

  var outputGradient: [Double] {
    var draw = TestValues(3)
    return draw.normal(Self.rows * 8)
  }

  func parameters() -> [String: Parameter] {
    let values = values
    return Dictionary(
      uniqueKeysWithValues: Self.trained.map { ($0, parameter($0, values[$0]!, $1)) })
  }

  func forward(_ tape: Tape, _ x: Variable, _ parameters: [String: Parameter]) -> Variable {
    let p = { (name: String) in tape.parameter(parameters[name]!) }
    let h = tape.layerNorm(x, weight: p("norm"), bias: p("normBias"), epsilon: 0.5)
    let queries = tape.linear(h, p("query"))
    let keys = tape.linear(h, p("key"))
    let values = tape.linear(h, p("value"))
    let projectedQueries = tape.featureProjection(
      queries, weight: p("queryMap"), bias: p("queryMapBias"), shape: Self.queryMap)
    let projectedKeys = tape.featureProjection(
      keys, weight: p("keyMap"), bias: p("keyMapBias"), shape: Self.keyMap)
    let mixed = tape.hybridAttention(
      queries: queries, keys: keys, values: values,
      queryFeatures: features(tape, projectedQueries, f: 3),
      keyFeatures: features(tape, projectedKeys, f: 4),
      windowFactors: window == .none ? nil : p("factors"), shape: shape, layout: Self.layout)
    let dropped = tape.dropout(mixed, probability: 0.25, generator: Self.dropout)
    return tape.activation(tape.add(x, dropped), .geluTanh)
  }

  /// `[rows, 2 f] -> [rows, 2 * 12]`: one head's features at a time, softmax of both signs.
  private func features(_ tape: Tape, _ u: Variable, f: Int) -> Variable {
    let activated = tape.featureActivation(u, f == 3 ? .softmax : .jointSoftmax, f: f)
    let widen = tensor(values["widen\(f)"]!.map { abs($0) }, [12, 2 * f])
    let perHead = Variable.reshaped(activated, [Self.rows * 2, 2 * f], on: tape)
    let wide = tape.linear(perHead, StoredTensor(widen))
    return Variable.reshaped(wide, [Self.rows, 24], on: tape)
  }

  func naive(_ v: Values) -> [Double] {
    let h = Naive.layerNorm(v["x"]!, weight: v["norm"]!, bias: v["normBias"]!, epsilon: 0.5)
    let queries = linear(h, v["query"]!, inputs: 8)
    let keys = linear(h, v["key"]!, inputs: 8)
    let values = linear(h, v["value"]!, inputs: 8)
    let queryFeatures = naiveFeatures(
      Naive.featureProjection(
        queries, weight: v["queryMap"]!, bias: v["queryMapBias"]!, shape: Self.queryMap),
      v, f: 3)
    let keyFeatures = naiveFeatures(
      Naive.featureProjection(
        keys, weight: v["keyMap"]!, bias: v["keyMapBias"]!, shape: Self.keyMap), v, f: 4)
    let mask = dropoutMask([Self.rows, 8], probability: 0.25, generator: Self.dropout).elements
    var mixed = [Double](repeating: 0, count: Self.rows * 8)
    for head in 0..<2 {
      let output = Naive.hybridAttention(
        queries: slice(queries, width: 4, heads: 2, head: head), keys: keys, values: values,
        queryFeatures: slice(queryFeatures, width: 12, heads: 2, head: head),
        keyFeatures: slice(keyFeatures, width: 12, heads: 2, head: head),
        factor: v["factors"]![head], headDim: 4, featureDim: 12, scale: 0.5, window: window,
        sinks: 0, isAffine: shape.isAffine
      ).output
      for (index, value) in output.enumerated() {
        let target = index / 4 * 8 + head * 4 + index % 4
        mixed[target] = value * Double(mask[target])
      }
    }
    return Naive.activated(zip(v["x"]!, mixed).map(+), .geluTanh)
  }

  private func naiveFeatures(_ u: [Double], _ v: Values, f: Int) -> [Double] {
    let rows = stride(from: 0, to: u.count, by: f).map { Array(u[$0..<$0 + f]) }
    let activated = rows.flatMap {
      Naive.featureActivation($0, f == 3 ? .softmax : .jointSoftmax)
    }
    return linear(activated, v["widen\(f)"]!.map { abs($0) }, inputs: 2 * f)
  }
}

extension Variable {
  /// The same elements under another shape, with the gradient shaped back.
  fileprivate static func reshaped(_ x: Variable, _ shape: Shape, on tape: Tape) -> Variable {
    tape.record([x], x.value.reshaped(shape)) { [$0.reshaped(x.value.shape)] }
  }
}

@Suite struct LinearAttentionGradientTests {
  @Test(arguments: [AttentionWindow.none, .sliding(3), .terrace(2)].map(LinearAttentionBlock.init))
  func `A linear-attention student has the gradients of its naive twin, with a window and without`(
    block: LinearAttentionBlock
  ) throws {
    let parameters = block.parameters()
    let values = block.values
    let tape = Tape()
    let x = tape.leaf(tensor(values["x"]!, [9, 8]))
    let output = block.forward(tape, x, parameters)
    #expect(relativeRMS(output.value.elements, block.naive(values)) < 2e-6)
    tape.backward(from: [(output, tensor(block.outputGradient, [9, 8]))])
    var found = parameters.mapValues(\.gradient)
    found["x"] = x.gradient
    if block.window == .none {
      #expect(parameters["factors"]!.gradient == nil)
      found["factors"] = nil
    }
    try expectGradients(found, at: values, within: 1e-5) {
      dot(block.naive($0), block.outputGradient)
    }
  }

  @Test(arguments: Activation.allCases)
  func `Activations and layer norm pass their gradients on alone as well`(activation: Activation)
    throws
  {
    var draw = TestValues(4)
    let values = ["x": draw.normal(30), "weight": draw.normal(6), "bias": draw.normal(6)]
    let outputGradient = draw.normal(30)
    let weight = parameter("weight", values["weight"]!, [6])
    let bias = parameter("bias", values["bias"]!, [6])
    let tape = Tape()
    let x = tape.leaf(tensor(values["x"]!, [5, 6]))
    let output = tape.activation(
      tape.layerNorm(
        x, weight: tape.parameter(weight), bias: tape.parameter(bias), epsilon: 0.25), activation)
    tape.backward(from: [(output, tensor(outputGradient, [5, 6]))])
    try expectGradients(
      ["x": x.gradient, "weight": weight.gradient, "bias": bias.gradient], at: values, within: 1e-5
    ) {
      dot(
        Naive.activated(
          Naive.layerNorm($0["x"]!, weight: $0["weight"]!, bias: $0["bias"]!, epsilon: 0.25),
          activation), outputGradient)
    }
  }

  @Test func `A feature map's bias is trained also when its weight is frozen`() throws {
    var draw = TestValues(5)
    let shape = LinearAttentionBlock.queryMap
    let x = draw.normal(7 * 8)
    let weight = draw.normal(24)
    let values = ["bias": draw.normal(6)]
    let outputGradient = draw.normal(7 * 6)
    let bias = parameter("bias", values["bias"]!, [2, 3])
    let tape = Tape()
    let output = tape.featureProjection(
      tape.constant(tensor(x, [7, 8])), weight: tape.constant(tensor(weight, [2, 4, 3])),
      bias: tape.parameter(bias), shape: shape)
    tape.backward(from: [(output, tensor(outputGradient, [7, 6]))])
    try expectGradients(["bias": bias.gradient], at: values, within: 1e-6) {
      dot(
        Naive.featureProjection(x, weight: weight, bias: $0["bias"]!, shape: shape),
        outputGradient)
    }
  }
}

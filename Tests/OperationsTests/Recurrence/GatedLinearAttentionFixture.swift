import Operations
import TensorCore
import TestSupport

/// Random operands of a gated linear attention, an initial state and upstream gradients of all it
/// gives, with its naive twin in `Double`.
struct GatedLinearAttentionFixture {
  let item: RecurrentCase
  var isNormalized = true
  var isCausal = true
  /// Whether segments begin from `sums` and `normalizer`.
  var continues = true
  var operands: Named
  let upstream: Named

  init(
    _ kind: DecayKind, _ strength: DecayStrength = .rwkv6,
    shape: RecurrentShape = RecurrentCase.grouped, layout: SequenceLayout
  ) {
    item = RecurrentCase(shape: shape, layout: layout, kind: kind)
    var draw = TestValues(21)
    let rows = layout.rows
    operands = [
      "queries": draw.normal(rows * shape.queryWidth),
      "keys": draw.normal(rows * shape.keyWidth),
      "values": draw.normal(rows * shape.valueWidth),
      "sums": draw.normal(item.stateCount),
      "normalizer": draw.normal(item.normalizerCount),
    ]
    upstream = [
      "numerator": draw.normal(rows * shape.outputWidth),
      "denominator": draw.normal(rows * shape.queryHeads),
      "finalSums": draw.normal(item.stateCount),
      "finalNormalizer": draw.normal(item.normalizerCount),
    ]
    // Last, so that all kinds of decay have the same operands.
    operands["decay"] = strength.logDecays(item.decayRows * item.decayWidth, &draw)
  }

  var shape: RecurrentShape { item.shape }
  var layout: SequenceLayout { item.layout }

  var initial: RecurrentState<Tensor>? {
    if !continues { return nil }
    return RecurrentState(
      sums: item.sums(operands["sums"]!),
      normalizer: isNormalized ? item.normalizer(operands["normalizer"]!) : nil)
  }

  /// - Parameters:
  ///   - rows: of the operands; all unless given.
  ///   - layout: of those rows.
  func fast(
    rows: Range<Int>? = nil, layout: SequenceLayout? = nil, initial: RecurrentState<Tensor>? = nil
  ) -> RecurrentOutput<Tensor> {
    gatedLinearAttention(
      queries: item.part(operands["queries"]!, shape.queryWidth, rows),
      keys: item.part(operands["keys"]!, shape.keyWidth, rows),
      values: item.part(operands["values"]!, shape.valueWidth, rows),
      decay: item.decay(operands["decay"]!, rows: rows), shape: shape,
      layout: layout ?? self.layout, initial: initial ?? self.initial, isNormalized: isNormalized,
      isCausal: isCausal)
  }

  func named(_ output: RecurrentOutput<Tensor>) -> [String: Tensor] {
    var found = ["numerator": output.numerator, "finalSums": output.final.sums]
    found["denominator"] = output.denominator
    found["finalNormalizer"] = output.final.normalizer
    return found
  }

  func gradients() -> [String: Tensor] {
    let found = gatedLinearAttentionGradients(
      numerator: item.part(upstream["numerator"]!, shape.outputWidth),
      denominator: isNormalized ? item.part(upstream["denominator"]!, shape.queryHeads) : nil,
      final: RecurrentState(
        sums: item.sums(upstream["finalSums"]!),
        normalizer: isNormalized ? item.normalizer(upstream["finalNormalizer"]!) : nil as Tensor?),
      queries: item.part(operands["queries"]!, shape.queryWidth),
      keys: item.part(operands["keys"]!, shape.keyWidth),
      values: item.part(operands["values"]!, shape.valueWidth),
      decay: item.decay(operands["decay"]!), shape: shape, layout: layout, initial: initial,
      isNormalized: isNormalized, isCausal: isCausal)
    var named = [
      "queries": found.queries, "keys": found.keys, "values": found.values,
      "sums": found.initial.sums,
    ]
    named["decay"] = found.decay
    named["normalizer"] = found.initial.normalizer
    return named
  }

  private func head(_ head: RecurrentHead) -> NaiveGatedLinearAttention<Double> {
    NaiveGatedLinearAttention(
      queries: head.rows(operands["queries"]!, heads: shape.queryHeads, dim: shape.keyDim),
      keys: head.rows(operands["keys"]!, heads: shape.keyHeads, dim: shape.keyDim),
      values: head.rows(operands["values"]!, heads: shape.valueHeads, dim: shape.valueDim),
      logDecays: head.logDecays(operands["decay"]!),
      sums: continues
        ? head.state(operands["sums"]!, dim: shape.keyDim * shape.valueDim) : [],
      normalizer: continues ? head.state(operands["normalizer"]!, dim: shape.keyDim) : [])
  }

  func naive() -> Named {
    var output = upstream.mapValues { [Double](repeating: 0, count: $0.count) }
    output["finalSums"] = []
    output["finalNormalizer"] = []
    for head in item.heads {
      let found = Naive.gatedLinearAttention(
        self.head(head), keyDim: shape.keyDim, valueDim: shape.valueDim,
        scale: Double(shape.scale), isCausal: isCausal)
      head.add(
        found.numerator, to: &output["numerator"]!, heads: shape.queryHeads, dim: shape.valueDim)
      head.add(found.denominator, to: &output["denominator"]!, heads: shape.queryHeads, dim: 1)
      output["finalSums"]! += found.sums
      output["finalNormalizer"]! += found.normalizer
    }
    return output
  }

  func naiveGradients() -> Named {
    var named = operands.mapValues { [Double](repeating: 0, count: $0.count) }
    named["sums"] = []
    named["normalizer"] = []
    let (f, d, heads) = (shape.keyDim, shape.valueDim, shape.queryHeads)
    for head in item.heads {
      let silent = { (x: [Double]) in
        isNormalized ? x : [Double](repeating: 0, count: x.count)
      }
      let found = Naive.gatedLinearAttentionGradients(
        NaiveRecurrentOutput(
          numerator: head.rows(upstream["numerator"]!, heads: heads, dim: d),
          denominator: silent(head.rows(upstream["denominator"]!, heads: heads, dim: 1)),
          sums: head.state(upstream["finalSums"]!, dim: f * d),
          normalizer: silent(head.state(upstream["finalNormalizer"]!, dim: f))),
        self.head(head), keyDim: f, valueDim: d, scale: Double(shape.scale), isCausal: isCausal)
      head.add(found.queries, to: &named["queries"]!, heads: heads, dim: f)
      head.add(found.keys, to: &named["keys"]!, heads: shape.keyHeads, dim: f)
      head.add(found.values, to: &named["values"]!, heads: shape.valueHeads, dim: d)
      head.addDecays(found.logDecays, to: &named["decay"]!)
      named["sums"]! += found.sums
      named["normalizer"]! += found.normalizer
    }
    return named
  }

  /// `Σ output * upstream` of the twin at other operands.
  func loss(_ operands: Named) -> Double {
    var moved = self
    moved.operands = operands
    let output = moved.naive()
    return upstream.reduce(0) { total, named in
      let counts = isNormalized || !named.key.hasSuffix("ormalizer") && named.key != "denominator"
      return counts ? total + dot(named.value, output[named.key]!) : total
    }
  }
}

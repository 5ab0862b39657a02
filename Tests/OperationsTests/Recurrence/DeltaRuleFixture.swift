import TensorCore
import TestSupport

@testable import Operations

/// Operands of a delta rule as RWKV-7 has them (`z = −κ`, `β = κ ⊙ a`, `κ` of length 1), an initial
/// state and upstream gradients of all it gives, with its naive twin in `Double`.
struct DeltaRuleFixture {
  let item: RecurrentCase
  /// Whether removals and writes belong to the heads of the keys, not of the queries.
  let sharesRemovals: Bool
  /// Whether segments begin from `initial`.
  var continues = true
  var operands: Named
  let upstream: Named

  init(
    _ kind: DecayKind, _ strength: DecayStrength = .rwkv7,
    shape: RecurrentShape = RecurrentCase.grouped, layout: SequenceLayout,
    sharesRemovals: Bool = true
  ) {
    item = RecurrentCase(shape: shape, layout: layout, kind: kind)
    self.sharesRemovals = sharesRemovals
    let (rows, d) = (layout.rows, shape.keyDim)
    let width = sharesRemovals ? shape.keyWidth : shape.queryWidth
    var draw = TestValues(7)
    var kappa = draw.normal(rows * width)
    for start in stride(from: 0, to: kappa.count, by: d) {
      let length = kappa[start..<start + d].reduce(0) { $0 + $1 * $1 }.squareRoot()
      for index in start..<start + d { kappa[index] /= length }
    }
    operands = [
      "queries": draw.normal(rows * shape.queryWidth),
      "keys": draw.normal(rows * shape.keyWidth, scale: 0.7),
      "values": draw.normal(rows * shape.valueWidth),
      "removals": kappa.map { Double(Float(-$0)) },
      "writes": zip(kappa, draw.normal(kappa.count)).map { Double(Float($0 / (1 + $1 * $1))) },
      "initial": draw.normal(item.stateCount),
    ]
    upstream = [
      "output": draw.normal(rows * shape.outputWidth), "final": draw.normal(item.stateCount),
    ]
    // Last, so that all kinds of decay have the same operands.
    operands["decay"] = strength.logDecays(item.decayRows * item.decayWidth, &draw)
  }

  var shape: RecurrentShape { item.shape }
  var layout: SequenceLayout { item.layout }
  var removalHeads: Int { sharesRemovals ? shape.keyHeads : shape.queryHeads }

  /// Columns of every operand that has a row a token.
  var widths: [String: Int] {
    [
      "queries": shape.queryWidth, "keys": shape.keyWidth, "values": shape.valueWidth,
      "removals": removalHeads * shape.keyDim, "writes": removalHeads * shape.keyDim,
    ].merging(item.decayRows > 1 ? ["decay": item.decayWidth] : [:]) { a, _ in a }
  }

  var initial: RecurrentState<Tensor>? {
    continues ? RecurrentState(sums: item.sums(operands["initial"]!)) : nil
  }

  func part(_ name: String, _ rows: Range<Int>? = nil) -> Tensor {
    item.part(operands[name]!, widths[name]!, rows)
  }

  /// - Parameters:
  ///   - rows: of the operands; all unless given.
  ///   - layout: of those rows.
  func fast(
    rows: Range<Int>? = nil, layout: SequenceLayout? = nil, initial: RecurrentState<Tensor>? = nil
  ) -> (output: RecurrentOutput<Tensor>, saved: DeltaRuleSaved?) {
    deltaRule(
      queries: part("queries", rows), keys: part("keys", rows), values: part("values", rows),
      removals: part("removals", rows), writes: part("writes", rows),
      decay: item.decay(operands["decay"]!, rows: rows), shape: shape,
      layout: layout ?? self.layout, initial: initial ?? self.initial)
  }

  func named(_ output: RecurrentOutput<Tensor>) -> [String: Tensor] {
    ["output": output.numerator, "final": output.final.sums]
  }

  /// Gradients of `Σ output * upstream`.
  func gradients() -> [String: Tensor] {
    let found = deltaRuleGradients(
      output: item.part(upstream["output"]!, shape.outputWidth),
      final: item.sums(upstream["final"]!), queries: part("queries"), keys: part("keys"),
      values: part("values"), removals: part("removals"), writes: part("writes"),
      decay: item.decay(operands["decay"]!), saved: fast().saved!, shape: shape, layout: layout,
      initial: initial)
    var named = [
      "queries": found.queries, "keys": found.keys, "values": found.values,
      "removals": found.removals, "writes": found.writes, "initial": found.initial.sums,
    ]
    named["decay"] = found.decay
    return named
  }

  private func head(_ head: RecurrentHead) -> NaiveDeltaRule<Double> {
    let column = { (name: String, heads: Int, dim: Int) in
      head.rows(operands[name]!, heads: heads, dim: dim)
    }
    return NaiveDeltaRule(
      queries: column("queries", shape.queryHeads, shape.keyDim),
      logDecays: head.logDecays(operands["decay"]!),
      keys: column("keys", shape.keyHeads, shape.keyDim),
      values: column("values", shape.valueHeads, shape.valueDim),
      removals: column("removals", removalHeads, shape.keyDim),
      writes: column("writes", removalHeads, shape.keyDim),
      initial: continues
        ? head.state(operands["initial"]!, dim: shape.keyDim * shape.valueDim) : [])
  }

  /// Outputs, final states and, where asked for, gradients of the naive twin.
  func naive(gradients: Bool = true) -> Named {
    let (f, d, heads) = (shape.keyDim, shape.valueDim, shape.queryHeads)
    var named = operands.mapValues { [Double](repeating: 0, count: $0.count) }
    named["output"] = [Double](repeating: 0, count: upstream["output"]!.count)
    named["final"] = []
    named["initial"] = []
    for head in item.heads {
      let x = self.head(head)
      let result = Naive.deltaRule(x, keyDim: f, valueDim: d, scale: Double(shape.scale))
      head.add(result.output, to: &named["output"]!, heads: heads, dim: d)
      named["final"]! += result.states.suffix(f * d)
      if !gradients { continue }
      let found = Naive.deltaRuleGradients(
        head.rows(upstream["output"]!, heads: heads, dim: d),
        final: head.state(upstream["final"]!, dim: f * d), x, states: result.states, keyDim: f,
        valueDim: d, scale: Double(shape.scale))
      head.add(found.queries, to: &named["queries"]!, heads: heads, dim: f)
      head.add(found.keys, to: &named["keys"]!, heads: shape.keyHeads, dim: f)
      head.add(found.values, to: &named["values"]!, heads: shape.valueHeads, dim: d)
      head.add(found.removals, to: &named["removals"]!, heads: removalHeads, dim: f)
      head.add(found.writes, to: &named["writes"]!, heads: removalHeads, dim: f)
      head.addDecays(found.logDecays, to: &named["decay"]!)
      named["initial"]! += found.initial
    }
    return named
  }

  /// `Σ output * upstream` of the twin at other operands.
  func loss(_ operands: Named) -> Double {
    var moved = self
    moved.operands = operands
    let output = moved.naive(gradients: false)
    return upstream.reduce(0) { $0 + dot($1.value, output[$1.key]!) }
  }
}

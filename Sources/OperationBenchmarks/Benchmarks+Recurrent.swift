import Foundation
import Operations
import TensorCore

extension Benchmarks {
  /// The recurrent operations, forward and backward, on two heads of 64 at 1,024 tokens, compared
  /// with the step-by-step recurrence of their naive twins before they are timed; then that of
  /// decoding, one token after another.
  static func recurrentKernels() {
    let bench = RecurrentBenchmark()
    for (name, decay) in bench.decays {
      bench.gated(name, decay)
    }
    for (name, decay) in bench.decays {
      bench.deltaRule(name, decay)
    }
  }
}

/// Operands in the ranges of RWKV-7: keys for removal of length 1, decays above exp(−0.61).
private struct RecurrentBenchmark {
  let heads = 2
  let d = 64
  let length = 1024
  let shape: RecurrentShape
  let layout: SequenceLayout
  let queries, keys, values, removals, writes, upstream: Tensor
  let perChannel, perHead: Tensor

  init() {
    shape = RecurrentShape(queryHeads: 2, keyDim: 64, scale: 0.125)
    layout = SequenceLayout(length: 1024)
    var generator = SeededGenerator(seed: 1, purpose: "benchmark")
    let draw = { (range: ClosedRange<Float>, width: Int) in
      Tensor.uniform([1024, width], in: range, using: &generator)
    }
    queries = draw(-1...1, 128)
    perChannel = draw(-0.6...0, 128)
    keys = draw(-0.3...0.3, 128)
    values = draw(-1...1, 128)
    removals = draw(-0.2...0.2, 128)
    writes = draw(-0.2...0.2, 128)
    upstream = draw(-1...1, 128)
    perHead = draw(-0.6...0, 2)
  }

  var decays: [(name: String, decay: RecurrentDecay<Tensor>)] {
    [("none", .none), ("a head", .head(perHead)), ("a channel", .channel(perChannel))]
  }

  private func column(_ x: Tensor, _ head: Int) -> [Float] {
    let elements = x.elements
    return (0..<length).flatMap { (row: Int) -> ArraySlice<Float> in
      let start = (row * heads + head) * d
      return elements[start..<start + d]
    }
  }

  private func logDecays(_ decay: RecurrentDecay<Tensor>, _ head: Int) -> [Float] {
    switch decay {
    case .none, .fixed: return [Float](repeating: 0, count: length * d)
    case .head(let rates):
      let elements = rates.elements
      return (0..<length).flatMap { [Float](repeating: elements[$0 * heads + head], count: d) }
    case .channel(let rates): return column(rates, head)
    }
  }

  private func row(_ x: Tensor, _ row: Int) -> Tensor {
    let width = x.shape[1]
    return Tensor(Array(x.elements[row * width..<(row + 1) * width]), [1, width])
  }

  private func require(_ name: String, _ pairs: [(found: Tensor, expected: [Float])], _ head: Int) {
    for (found, expected) in pairs {
      let largest = expected.map { abs($0) }.max()!
      let difference = zip(column(found, head), expected).map { abs($0 - $1) }.max()!
      guard difference < 1e-4 * largest else {
        print("\(name) differs from its recurrence by \(difference): not timed")
        exit(70)
      }
    }
  }

  private func report(_ name: String, forward: Double, both: Double, token: Double) {
    let padded = name.padding(toLength: 42, withPad: " ", startingAt: 0)
    print(
      String(
        format: "%@ %8.2f ms, with gradients %8.2f ms, one token %6.1f us", padded, forward * 1e3,
        both * 1e3, token * 1e6))
  }

  private func decoding(
    _ step: (_ row: Int, _ layout: SequenceLayout, _ state: RecurrentState<Tensor>) ->
      RecurrentOutput<Tensor>
  ) -> Double {
    Benchmarks.median(5) {
      var state = RecurrentState(emptyFor: shape)
      for token in 0..<256 {
        state =
          step(
            token,
            SequenceLayout(
              rows: 1, segments: [.init(start: 0, count: 1, firstPosition: token)]), state
          ).final
      }
    } / 256
  }

  func gated(_ kind: String, _ decay: RecurrentDecay<Tensor>) {
    let name = "gated linear attention, decay of \(kind)"
    let forward = {
      gatedLinearAttention(
        queries: queries, keys: keys, values: values, decay: decay, shape: shape, layout: layout)
    }
    let backward = {
      gatedLinearAttentionGradients(
        numerator: upstream, queries: queries, keys: keys, values: values, decay: decay,
        shape: shape, layout: layout)
    }
    let (output, found) = (forward(), backward())
    for head in 0..<heads {
      let operands = NaiveGatedLinearAttention(
        queries: column(queries, head), keys: column(keys, head), values: column(values, head),
        logDecays: logDecays(decay, head))
      let expected = Naive.gatedLinearAttention(
        operands, keyDim: d, valueDim: d, scale: shape.scale)
      let zeros = { [Float](repeating: 0, count: $0) }
      let gradients = Naive.gatedLinearAttentionGradients(
        NaiveRecurrentOutput(
          numerator: column(upstream, head), denominator: zeros(length), sums: zeros(d * d),
          normalizer: zeros(d)),
        operands, keyDim: d, valueDim: d, scale: shape.scale)
      require(
        name,
        [
          (output.numerator, expected.numerator), (found.queries, gradients.queries),
          (found.keys, gradients.keys), (found.values, gradients.values),
        ], head)
    }
    let rows = (0..<256).map { token in
      [queries, keys, values].map { row($0, token) }
        + (decay.operand.map { [row($0, token)] } ?? [])
    }
    let token = decoding { token, layout, state in
      let x = rows[token]
      return gatedLinearAttention(
        queries: x[0], keys: x[1], values: x[2], decay: decay.map { _ in x[3] }, shape: shape,
        layout: layout, initial: state)
    }
    report(
      name, forward: Benchmarks.median(9) { _ = forward() },
      both: Benchmarks.median(9) {
        _ = forward()
        _ = backward()
      }, token: token)
  }

  func deltaRule(_ kind: String, _ decay: RecurrentDecay<Tensor>) {
    let name = "delta rule, decay of \(kind)"
    let forward = {
      Operations.deltaRule(
        queries: queries, keys: keys, values: values, removals: removals, writes: writes,
        decay: decay, shape: shape, layout: layout)
    }
    let backward = { (saved: DeltaRuleSaved) in
      deltaRuleGradients(
        output: upstream, queries: queries, keys: keys, values: values, removals: removals,
        writes: writes, decay: decay, saved: saved, shape: shape, layout: layout)
    }
    let (output, saved) = forward()
    let found = backward(saved!)
    for head in 0..<heads {
      let operands = NaiveDeltaRule(
        queries: column(queries, head), logDecays: logDecays(decay, head),
        keys: column(keys, head), values: column(values, head), removals: column(removals, head),
        writes: column(writes, head))
      let (expected, states) = Naive.deltaRule(
        operands, keyDim: d, valueDim: d, scale: shape.scale)
      let gradients = Naive.deltaRuleGradients(
        column(upstream, head), final: [Float](repeating: 0, count: d * d), operands,
        states: states, keyDim: d, valueDim: d, scale: shape.scale)
      require(
        name,
        [
          (output.numerator, expected), (found.queries, gradients.queries),
          (found.keys, gradients.keys), (found.values, gradients.values),
          (found.removals, gradients.removals), (found.writes, gradients.writes),
        ], head)
    }
    let rows = (0..<256).map { token in
      [queries, keys, values, removals, writes].map { row($0, token) }
        + (decay.operand.map { [row($0, token)] } ?? [])
    }
    let token = decoding { token, layout, state in
      let x = rows[token]
      return Operations.deltaRule(
        queries: x[0], keys: x[1], values: x[2], removals: x[3], writes: x[4],
        decay: decay.map { _ in x[5] }, shape: shape, layout: layout, initial: state,
        savesForGradients: false
      ).output
    }
    report(
      name, forward: Benchmarks.median(9) { _ = forward() },
      both: Benchmarks.median(9) { _ = backward(forward().saved!) }, token: token)
  }
}

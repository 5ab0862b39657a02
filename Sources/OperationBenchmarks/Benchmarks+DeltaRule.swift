import Foundation
import Operations
import TensorCore

extension Benchmarks {
  /// The chunked delta rule, forward and backward, against the step-by-step recurrence of its
  /// naive twin, then their times, and that of decoding's recurrence, which has vector loops.
  static func deltaRuleKernel() {
    let (heads, d, length) = (2, 64, 1024)
    let shape = DeltaRuleShape(heads: heads, headDim: d, scale: 0.125)
    let layout = SequenceLayout(length: length)
    var generator = SeededGenerator(seed: 1, purpose: "benchmark")
    // In the ranges of RWKV-7: keys for removal of length 1, decays above exp(-0.61).
    let x = [-1...1, -0.6...0, -0.3...0.3, -1...1, -0.2...0.2, -0.2...0.2, -1...1].map {
      (range: ClosedRange<Float>) in
      Tensor.uniform([length, shape.width], in: range, using: &generator)
    }
    let forward = {
      deltaRule(
        receptances: x[0], logDecays: x[1], keys: x[2], values: x[3], removals: x[4],
        writes: x[5], shape: shape, layout: layout)
    }
    let backward = { (saved: DeltaRuleSaved) in
      deltaRuleGradients(
        x[6], receptances: x[0], logDecays: x[1], keys: x[2], values: x[3], removals: x[4],
        writes: x[5], saved: saved, shape: shape, layout: layout)
    }
    let column = { (x: Tensor, head: Int) -> [Float] in
      let elements = x.elements
      return (0..<length).flatMap { (row: Int) -> ArraySlice<Float> in
        let start = row * shape.width + head * d
        return elements[start..<start + d]
      }
    }
    let operands = (0..<heads).map { head in
      NaiveDeltaRule(
        receptances: column(x[0], head), logDecays: column(x[1], head), keys: column(x[2], head),
        values: column(x[3], head), removals: column(x[4], head), writes: column(x[5], head))
    }
    let upstream = (0..<heads).map { column(x[6], $0) }
    let naive = { (head: Int) -> (output: [Float], gradients: NaiveDeltaRule<Float>) in
      let (output, states) = Naive.deltaRule(operands[head], headDim: d, scale: shape.scale)
      let gradients = Naive.deltaRuleGradients(
        upstream[head], operands[head], states: states, headDim: d, scale: shape.scale)
      return (output, gradients)
    }

    let (output, saved) = forward()
    let found = backward(saved)
    for head in 0..<heads {
      let expected = naive(head)
      for (found, expected) in [
        (output, expected.output), (found.receptances, expected.gradients.receptances),
        (found.logDecays, expected.gradients.logDecays), (found.keys, expected.gradients.keys),
        (found.values, expected.gradients.values), (found.removals, expected.gradients.removals),
        (found.writes, expected.gradients.writes),
      ] {
        let largest = expected.map { abs($0) }.max()!
        let difference = zip(column(found, head), expected).map { abs($0 - $1) }.max()!
        guard difference < 1e-4 * largest else {
          print("the chunked delta rule differs from its recurrence by \(difference): not timed")
          exit(70)
        }
      }
    }
    let forwardSeconds = median(9) { _ = forward() }
    let fastSeconds = median(9) { _ = backward(forward().saved) }
    let naiveSeconds = median(1) { for head in 0..<heads { _ = naive(head) } }
    let elements = x.map(\.elements)
    let rows = (0..<length).map { row in
      elements.map {
        Tensor(Array($0[row * shape.width..<(row + 1) * shape.width]), [1, shape.width])
      }
    }
    let decodingSeconds = median(3) {
      var state = DeltaRuleState(shape)
      for row in rows {
        _ = state.advance(
          receptances: row[0], logDecays: row[1], keys: row[2], values: row[3], removals: row[4],
          writes: row[5])
      }
    }
    print(
      String(
        format: "delta rule and gradients, 1024 tokens   %8.2f ms, %.0fx its naive twin",
        fastSeconds * 1e3, naiveSeconds / fastSeconds))
    print(
      String(
        format: "delta rule, 1024 tokens                 %8.2f ms, %.1fx decoding token by token",
        forwardSeconds * 1e3, decodingSeconds / forwardSeconds))
  }
}

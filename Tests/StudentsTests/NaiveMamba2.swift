import Foundation
import Operations
import Students
import TensorCore

/// Mamba-2 by its definition, in `Double`, token by token.
struct NaiveMamba2: RecurrentTwin {
  let attention = StudentCase.geometry.attention
  var parameters: [String: [Double]]
  var delay: (size: Int, sinks: Int)?

  /// nil for other mixers.
  init?(_ testCase: StudentCase, _ mixer: any TokenMixer) {
    guard testCase.mixerName == "mamba-2" else { return nil }
    parameters = Dictionary(
      uniqueKeysWithValues: mixer.parameters.map { ($0.name, $0.value.elements.map(Double.init)) })
  }

  func output(_ operands: MixerOperands, layout: SequenceLayout) -> [Double] {
    let width = attention.queryWidth
    var output = [Double](repeating: 0, count: layout.rows * width)
    for segment in layout.segments {
      output.replaceSubrange(
        segment.rows.lowerBound * width..<segment.rows.upperBound * width,
        with: sequence(operands[segment.rows]))
    }
    return output
  }

  private func sequence(_ x: MixerOperands) -> [Double] {
    let (d, heads) = (attention.headDim, attention.queryHeads)
    let q = convolved(x.stream, .queries, "q_conv1d")
    let k = convolved(x.stream, .keys, "k_conv1d")
    let v = convolved(x.stream, .values, "v_conv1d")
    let gates = outputs(x.stream, "in_proj_z.weight").map { $0 / (1 + exp(-$0)) }
    let steps = outputs(x.stream, "in_proj_dt.weight")
    var output = [Double](repeating: 0, count: q.count)
    for head in 0..<heads {
      let key = head / attention.group
      var state = [Double](repeating: 0, count: d * d)
      for row in 0..<x.rows {
        var value = [Double](repeating: 0, count: d)
        // What the state is fed: this token, or the one that leaves the window now.
        let source = row - (delay?.size ?? 0)
        if source >= delay?.sinks ?? 0 {
          let step = log(1 + exp(steps[source * heads + head] + parameters["dt_bias"]![head]))
          let decay = exp(-step * exp(parameters["A_log"]![head]))
          value = headColumns(v, source, key, attention.keyValueHeads)
          let keys = headColumns(k, source, key, attention.keyValueHeads)
          for index in state.indices {
            state[index] = decay * state[index] + step * keys[index / d] * value[index % d]
          }
        }
        let query = headColumns(q, row, head, heads)
        let start = (row * heads + head) * d
        let y = (0..<d).map { column in
          (parameters["D"]![head] * value[column]
            + (0..<d).reduce(0.0) { $0 + query[$1] * state[$1 * d + column] })
            * gates[start + column]
        }
        let size = (y.reduce(0) { $0 + $1 * $1 } / Double(d) + 1e-5).squareRoot()
        for column in 0..<d {
          output[start + column] = y[column] / size * parameters["norm.weight"]![head * d + column]
        }
      }
    }
    return output
  }
}

import Foundation
import Operations
import Students
import TensorCore

/// The gated delta net by its definition, in `Double`, token by token.
struct NaiveGatedDeltaNet: RecurrentTwin {
  let attention = StudentCase.geometry.attention
  var parameters: [String: [Double]]
  var delay: (size: Int, sinks: Int)?

  /// nil for other mixers.
  init?(_ testCase: StudentCase, _ mixer: any TokenMixer) {
    guard testCase.mixerName == "gated-delta-net" else { return nil }
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
    let d = attention.headDim
    let q = convolved(x.stream, .queries, "q_conv1d")
    let k = convolved(x.stream, .keys, "k_conv1d")
    let v = convolved(x.stream, .values, "v_conv1d")
    let gates = outputs(x.stream, "in_proj_z.weight").map { $0 / (1 + exp(-$0)) }
    let rates = outputs(x.stream, "in_proj_b.weight").map { 1 / (1 + exp(-$0)) }
    let speeds = outputs(x.stream, "in_proj_a.weight")
    var output = [Double](repeating: 0, count: q.count)
    for head in 0..<attention.queryHeads {
      let key = head / attention.group
      var state = [Double](repeating: 0, count: d * d)
      for row in 0..<x.rows {
        // What the state is fed: this token, or the one that leaves the window now.
        let source = row - (delay?.size ?? 0)
        if source >= delay?.sinks ?? 0 {
          let index = source * attention.queryHeads + head
          let speed = log(1 + exp(speeds[index] + parameters["dt_bias"]![head]))
          let decay = exp(-exp(parameters["A_log"]![head]) * speed)
          update(
            &state, key: direction(k, source, key, attention.keyValueHeads),
            value: headColumns(v, source, key, attention.keyValueHeads), decay: decay,
            rate: rates[index])
        }
        let query = direction(q, row, head, attention.queryHeads)
        var y = (0..<d).map { column in
          (0..<d).reduce(0.0) { $0 + query[$1] * state[$1 * d + column] } / Double(d).squareRoot()
        }
        let size = (y.reduce(0) { $0 + $1 * $1 } / Double(d) + 1e-6).squareRoot()
        let start = (row * attention.queryHeads + head) * d
        for column in 0..<d {
          y[column] *= parameters["norm.weight"]![column] / size
          output[start + column] = y[column] * gates[start + column]
        }
      }
    }
    return output
  }

  /// `S ← α (I − β kᵀk) S + β kᵀv`.
  private func update(
    _ state: inout [Double], key: [Double], value: [Double], decay: Double, rate: Double
  ) {
    let d = key.count
    for column in 0..<d {
      let found = (0..<d).reduce(0.0) { $0 + key[$1] * state[$1 * d + column] }
      for row in 0..<d {
        state[row * d + column] =
          decay * (state[row * d + column] - rate * key[row] * found)
          + rate * key[row] * value[column]
      }
    }
  }

  private func direction(_ x: [Double], _ row: Int, _ head: Int, _ heads: Int) -> [Double] {
    let part = headColumns(x, row, head, heads)
    let length = (part.reduce(0) { $0 + $1 * $1 } + 1e-6).squareRoot()
    return part.map { $0 / length }
  }
}

/// What students behind short convolutions are made of.
extension RecurrentTwin {
  func headColumns(_ x: [Double], _ row: Int, _ head: Int, _ heads: Int) -> [Double] {
    let start = (row * heads + head) * attention.headDim
    return Array(x[start..<start + attention.headDim])
  }

  func convolved(_ x: [Double], _ role: ProjectionRole, _ name: String) -> [Double] {
    let width = role == .queries ? attention.queryWidth : attention.keyWidth
    let weight = ProjectingLayer.weight(role, width: width)
    let hidden = MixerOperands.hiddenSize
    let projected = (0..<x.count / hidden).flatMap { row in
      (0..<width).map { column in
        (0..<hidden).reduce(0.0) { $0 + x[row * hidden + $1] * weight[$1 * width + column] }
      }
    }
    return Naive.activated(
      Naive.shortConvolution(projected, weight: parameters["\(name).weight"]!, width: width), .silu)
  }

  /// `x Wᵀ` with a parameter `[outputs, hiddenSize]`.
  func outputs(_ x: [Double], _ name: String) -> [Double] {
    let (weight, hidden) = (parameters[name]!, MixerOperands.hiddenSize)
    return (0..<x.count / hidden).flatMap { row in
      (0..<weight.count / hidden).map { output in
        (0..<hidden).reduce(0.0) { $0 + x[row * hidden + $1] * weight[output * hidden + $1] }
      }
    }
  }
}

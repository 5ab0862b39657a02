import Foundation
import Operations
import Students
import TensorCore

/// The RADLADS students by their definition, in `Double`: the document read anew, every sequence
/// token by token.
struct NaiveRAD: RecurrentTwin {
  let attention: AttentionShape
  var parameters: [String: [Double]]
  private let mixer: String
  private let isBalanced, hasGroupNorm, isRotary, isShifted: Bool
  private let gateRankType: Int
  var delay: (size: Int, sinks: Int)?

  /// nil for other mixers.
  init?(_ testCase: StudentCase, _ mixer: any TokenMixer) {
    let document = testCase.document
    self.mixer = testCase.mixerName
    guard ["rad-rwkv6", "rad-rwkv7", "qlinatt"].contains(self.mixer) else { return nil }
    let isSixth = self.mixer == "rad-rwkv6"
    attention = StudentCase.geometry.attention
    isBalanced = document["balanceState"]?.boolValue ?? true
    hasGroupNorm = document["groupNorm"]?.boolValue ?? (isSixth ? false : !isBalanced)
    isRotary = document["rotary"]?.boolValue ?? !isSixth
    isShifted = document["tokenShift"]?.boolValue ?? true
    gateRankType = document["gateRankType"]?.intValue ?? (isSixth ? 1 : 2)
    parameters = Dictionary(
      uniqueKeysWithValues: mixer.parameters.map { ($0.name, $0.value.elements.map(Double.init)) })
  }

  func output(_ operands: MixerOperands, layout: SequenceLayout) -> [Double] {
    let width = attention.queryWidth
    var output = [Double](repeating: 0, count: layout.rows * width)
    for segment in layout.segments {
      let part = operands[segment.rows]
      let result =
        switch mixer {
        case "rad-rwkv6": sixth(part)
        case "rad-rwkv7": seventh(part)
        default: baseline(part)
        }
      output.replaceSubrange(
        segment.rows.lowerBound * width..<segment.rows.upperBound * width, with: result)
    }
    return output
  }

  // MARK: Students

  private func sixth(_ x: MixerOperands) -> [Double] {
    let hidden = MixerOperands.hiddenSize
    var mixed = [[Double]](repeating: x.stream, count: 5)
    if isShifted {
      let difference = Naive.tokenShiftDifference(x.stream, width: hidden)
      let inner = product(
        zip(x.stream, scaled(difference, by: "time_maa_x")).map(+), "time_maa_w1", hidden
      ).map(tanh)
      let rank = parameters["time_maa_w2"]!.count / 5 / hidden
      for (index, letter) in ["r", "k", "v", "w", "g"].enumerated() {
        for row in 0..<x.rows {
          for column in 0..<hidden {
            var share = parameters["time_maa_\(letter)"]![column]
            for r in 0..<rank {
              share +=
                inner[row * 5 * rank + index * rank + r]
                * parameters["time_maa_w2"]![(index * rank + r) * hidden + column]
            }
            mixed[index][row * hidden + column] += difference[row * hidden + column] * share
          }
        }
      }
    }
    var queries = projected(mixed[0], .queries)
    var keys = projected(mixed[1], .keys)
    if isRotary { (queries, keys) = (rotated(queries, x.rows), rotated(keys, x.rows)) }
    keys = repeated(keys)
    let inner = product(mixed[3], "time_decay_w1", hidden).map(tanh)
    let logDecays = added(product(inner, "time_decay_w2"), "time_decay").map { max(-exp($0), -5) }
    if isBalanced { keys = zip(keys, logDecays).map { $0 * (1 - exp($1)) } }
    let outputs = heads { column in
      Naive.gatedLinearAttention(
        NaiveGatedLinearAttention(
          queries: column(queries), keys: column(late(keys)),
          values: column(late(repeated(projected(mixed[2], .values)))),
          logDecays: column(late(logDecays))),
        keyDim: attention.headDim, valueDim: attention.headDim,
        scale: 1 / Double(attention.headDim).squareRoot()
      ).numerator
    }
    return gated(hasGroupNorm ? normalized(outputs) : outputs, mixed[4])
  }

  private func seventh(_ x: MixerOperands) -> [Double] {
    let hidden = MixerOperands.hiddenSize
    let queries = isRotary ? x.queries : projected(x.stream, .queries)
    let keys = repeated(isRotary ? x.keys : projected(x.stream, .keys))
    let d = attention.headDim
    let inner = product(x.stream, "w1", hidden).map(tanh)
    let decays = added(product(inner, "w2"), "w0").map {
      // −½ − softplus(−x), as the reference writes it.
      -exp(-0.5 - log(1 + exp(-$0)))
    }
    let rates = added(product(product(x.stream, "a1", hidden), "a2"), "a0").map(sigmoid)
    let mixes = added(product(product(x.stream, "v1", hidden), "v2"), "v0").map(sigmoid)
    let (own, first) = (repeated(x.values), repeated(x.firstValues))
    let values = own.indices.map { own[$0] + (first[$0] - own[$0]) * mixes[$0] }
    let directions = Naive.normalizedHeads(
      isBalanced ? keys : scaled(keys, by: "k_k"), headDim: d)
    let written = keys.indices.map { index in
      keys[index]
        * (isBalanced
          ? 1 - exp(decays[index]) + rates[index]
          : 1 + (rates[index] - 1) * parameters["k_a"]![index % attention.queryWidth])
    }
    let outputs = heads { column in
      Naive.deltaRule(
        NaiveDeltaRule(
          queries: column(queries), logDecays: column(late(decays)), keys: column(late(written)),
          values: column(late(values)), removals: column(late(directions)).map { -$0 },
          writes: column(late(zip(directions, rates).map(*)))), keyDim: d, valueDim: d,
        scale: hasGroupNorm ? 1 : 1 / Double(d).squareRoot()
      ).output
    }
    return gated(hasGroupNorm ? normalized(outputs) : outputs, x.stream)
  }

  private func baseline(_ x: MixerOperands) -> [Double] {
    let queries = isRotary ? x.queries : projected(x.stream, .queries)
    let keys = late(repeated(isRotary ? x.keys : projected(x.stream, .keys)))
    let values = late(repeated(x.values))
    let (d, width) = (attention.headDim, attention.queryWidth)
    var outputs = [Double](repeating: 0, count: values.count)
    for row in 0..<x.rows {
      for key in 0...row {
        for head in stride(from: 0, to: width, by: d) {
          let weight = (0..<d).reduce(0.0) {
            $0 + queries[row * width + head + $1] * keys[key * width + head + $1]
          }
          for column in head..<head + d {
            outputs[row * width + column] += weight * values[key * width + column]
          }
        }
      }
    }
    return normalized(outputs)
  }

  // MARK: Parts

  /// `[rows, queryWidth]`, each row when it leaves the window.
  private func late(_ x: [Double]) -> [Double] {
    guard let delay else { return x }
    return Naive.delayedRows(
      x, by: delay.size, skipping: delay.sinks, width: attention.queryWidth)
  }

  private func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }

  /// `x W` with the parameter `[inputs, outputs]`; the inputs as wide as its rows unless given.
  private func product(_ x: [Double], _ name: String, _ inputs: Int? = nil) -> [Double] {
    let weight = parameters[name]!
    return product(x, weight, inputs: inputs ?? weight.count / attention.queryWidth)
  }

  private func product(_ x: [Double], _ weight: [Double], inputs: Int) -> [Double] {
    let outputs = weight.count / inputs
    var result = [Double](repeating: 0, count: x.count / inputs * outputs)
    for row in 0..<x.count / inputs {
      for input in 0..<inputs {
        let factor = x[row * inputs + input]
        for output in 0..<outputs {
          result[row * outputs + output] += factor * weight[input * outputs + output]
        }
      }
    }
    return result
  }

  private func projected(_ x: [Double], _ role: ProjectionRole) -> [Double] {
    let width = role == .queries ? attention.queryWidth : attention.keyWidth
    return product(
      x, ProjectingLayer.weight(role, width: width), inputs: MixerOperands.hiddenSize)
  }

  private func rotated(_ x: [Double], _ rows: Int) -> [Double] {
    Naive.rotate(
      x, headDim: attention.headDim, positions: Array(0..<rows),
      frequencies: ProjectingLayer.rotary.frequencies)
  }

  private func added(_ x: [Double], _ name: String) -> [Double] {
    let offset = parameters[name]!
    return x.indices.map { x[$0] + offset[$0 % offset.count] }
  }

  private func scaled(_ x: [Double], by name: String) -> [Double] {
    let factors = parameters[name]!
    return x.indices.map { x[$0] * factors[$0 % factors.count] }
  }

  private func normalized(_ x: [Double]) -> [Double] {
    Naive.groupNorm(
      x, weight: parameters["ln_x.weight"]!, bias: parameters["ln_x.bias"]!,
      headDim: attention.headDim, epsilon: Double(attention.headDim) * 1e-5)
  }

  private func gated(_ x: [Double], _ input: [Double]) -> [Double] {
    let hidden = MixerOperands.hiddenSize
    switch gateRankType {
    case 0:
      return x
    case 1:
      let weight = parameters["gate.weight"]!
      let width = attention.queryWidth
      return x.indices.map { index in
        let (row, channel) = (index / width, index % width)
        return x[index]
          * sigmoid(
            (0..<hidden).reduce(0.0) {
              $0 + input[row * hidden + $1] * weight[channel * hidden + $1]
            })
      }
    default:
      return zip(x, product(product(input, "g1", hidden).map(sigmoid), "g2")).map(*)
    }
  }

  /// Key and value heads once for every query head that reads them.
  private func repeated(_ x: [Double]) -> [Double] {
    let d = attention.headDim
    return (0..<x.count / attention.keyWidth).flatMap { row in
      (0..<attention.queryHeads).flatMap { head in
        let start = row * attention.keyWidth + head / attention.group * d
        return x[start..<start + d]
      }
    }
  }

  /// Runs `body` for every head with a function that picks the head's columns.
  private func heads(_ body: (([Double]) -> [Double]) -> [Double]) -> [Double] {
    let (d, width) = (attention.headDim, attention.queryWidth)
    var output: [Double] = []
    for head in 0..<attention.queryHeads {
      let result = body { x in
        var column: [Double] = []
        for start in stride(from: head * d, to: x.count, by: width) {
          column += x[start..<start + d]
        }
        return column
      }
      if output.isEmpty { output = [Double](repeating: 0, count: result.count / d * width) }
      for (index, value) in result.enumerated() {
        output[index / d * width + head * d + index % d] = value
      }
    }
    return output
  }
}

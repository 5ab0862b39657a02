import Differentiation
import Documents
import Foundation
import Operations
import TensorCore

/// Rank of a low-rank matrix in RADLADS: `32 max(1, round(D^exponent · multiplier / 32))`, half to
/// even as in its code, where `D` is the hidden size.
struct RankRule: Sendable {
  let exponent, multiplier: Double

  static let decay = RankRule(exponent: 0.5, multiplier: 1.8)
  static let learningRate = RankRule(exponent: 0.5, multiplier: 1.8)
  static let valueMix = RankRule(exponent: 0.5, multiplier: 1.3)
  static let gate = RankRule(exponent: 0.8, multiplier: 0.6)
  static let tokenShift = RankRule(exponent: 0.5, multiplier: 1.8)

  func rank(hiddenSize: Int) -> Int {
    let steps = pow(Double(hiddenSize), exponent) * multiplier / 32
    return 32 * max(1, Int(steps.rounded(.toNearestOrEven)))
  }
}

extension DocumentReader {
  /// A rank of the recipe; nil: by the rule.
  func rank(_ key: String, of what: String) -> Int? {
    optionalInteger(
      key, in: 1...16_384, "Rank of \(what); by RADLADS' rule for the hidden size unless given")
  }

  func gateKind(default fallback: RADGate.Kind) -> RADGate.Kind {
    RADGate.Kind(
      rawValue: integer(
        "gateRankType", in: 0...2, default: fallback.rawValue,
        "Gate of the outputs: 0 none, 1 a full matrix, as rad-rwkv6 unless told otherwise, 2 two of "
          + "low rank, as rad-rwkv7"))!
  }

  func balancesState() -> Bool {
    boolean(
      "balanceState", default: true,
      "Write no more into the state than it forgets, so that it keeps its size")
  }

  func groupNorm(default fallback: Bool) -> Bool {
    boolean(
      "groupNorm", default: fallback,
      "Normalise the outputs of every head; rad-rwkv7 does unless balanceState is true")
  }

  func isRotary(default fallback: Bool) -> Bool {
    boolean(
      "rotary", default: fallback,
      "Give queries and keys the teacher's rotary positions; rad-rwkv6 does not unless told")
  }
}

/// Initial values, as functions of the seed, the layer and the parameter's name.
struct RADInitializer {
  let geometry: LayerGeometry
  let seed: UInt64
  /// Of the mixer.
  let purpose: String

  /// Channels of all query heads.
  var width: Int { geometry.attention.queryWidth }
  var hiddenSize: Int { geometry.hiddenSize }
  /// `l / (L − 1)`, 0 of a single layer.
  var depth: Double { Double(geometry.layer) / Double(max(1, geometry.layers - 1)) }

  func constant(_ name: String, _ value: Float, _ shape: Shape) -> Parameter {
    Parameter(name: name, value: Tensor(repeating: value, shape))
  }

  func uniform(_ name: String, _ shape: Shape, bound: Float) -> Parameter {
    var generator = generator(name)
    return Parameter(name: name, value: .uniform(shape, in: -bound...bound, using: &generator))
  }

  /// `first + 5 (n / (channels − 1))^power`, `[1, 1, channels]`: how fast a channel forgets.
  func decaySpeeds(_ name: String, first: Double, power: Double) -> Parameter {
    let speeds = (0..<width).map {
      Float(first + 5 * pow(Double($0) / Double(max(1, width - 1)), power))
    }
    return Parameter(name: name, value: Tensor(speeds, [1, 1, width]))
  }

  /// A random matrix with orthogonal rows, or columns where these are fewer, each of length
  /// `scale`, times `√(rows/columns)` where there are more rows.
  func orthogonal(_ name: String, _ rows: Int, _ columns: Int, scale: Double) -> Parameter {
    var generator = generator(name)
    let (count, length) = (min(rows, columns), max(rows, columns))
    let draws = Tensor.normal([count, length], deviation: 1, using: &generator)
    let gain = rows > columns ? scale * (Double(rows) / Double(columns)).squareRoot() : scale
    let matrix = orthogonalRows(draws, length: gain)
    return Parameter(name: name, value: rows > columns ? transposed(matrix) : matrix)
  }

  private func generator(_ name: String) -> SeededGenerator {
    SeededGenerator(seed: seed, purpose: "\(purpose).\(name).\(geometry.layer)")
  }
}

/// What the outputs of a RADLADS student are multiplied with, a function of its input `x`:
/// `σ(x W)` or `σ(x g₁) g₂`.
struct RADGate {
  enum Kind: Int, Sendable {
    case none = 0
    case full = 1
    case lowRank = 2
  }

  let parameters: [Parameter]

  /// W and g₁ start at 0. The full gate is then ½ everywhere; of the other, every channel starts
  /// as ½ the sum of its column of g₂.
  init(_ kind: Kind, rank: Int?, _ initializer: RADInitializer) {
    let (hidden, width) = (initializer.hiddenSize, initializer.width)
    switch kind {
    case .none:
      parameters = []
    case .full:
      parameters = [initializer.constant("gate.weight", 0, [width, hidden])]
    case .lowRank:
      let rank = rank ?? RankRule.gate.rank(hiddenSize: hidden)
      parameters = [
        initializer.constant("g1", 0, [hidden, rank]),
        initializer.orthogonal("g2", rank, width, scale: 0.1),
      ]
    }
  }

  func apply(_ x: Variable, to outputs: Variable, on tape: Tape) -> Variable {
    switch parameters.count {
    case 0:
      return outputs
    case 1:
      return tape.multiply(
        outputs, tape.pointwise(tape.linear(x, tape.parameter(parameters[0])), .sigmoid))
    default:
      let inner = tape.pointwise(tape.multiply(x, matrix: tape.parameter(parameters[0])), .sigmoid)
      return tape.multiply(outputs, tape.multiply(inner, matrix: tape.parameter(parameters[1])))
    }
  }
}

/// Normalisation of every head's outputs, `GroupNorm(heads)` with epsilon `headDim · 1e-5`.
struct HeadOutputNorm {
  let weight, bias: Parameter
  private let headDim: Int

  init(_ initializer: RADInitializer) {
    weight = initializer.constant("ln_x.weight", 1, [initializer.width])
    bias = initializer.constant("ln_x.bias", 0, [initializer.width])
    headDim = initializer.geometry.attention.headDim
  }

  var parameters: [Parameter] { [weight, bias] }

  func apply(_ x: Variable, on tape: Tape) -> Variable {
    tape.groupNorm(
      x, weight: tape.parameter(weight), bias: tape.parameter(bias), headDim: headDim,
      epsilon: Float(headDim) * 1e-5)
  }
}

/// Reasons why no recurrent student stands on a layer.
func recurrentConflicts(_ geometry: LayerGeometry, name: String, isRotary: Bool) -> [String] {
  var conflicts: [String] = []
  if !geometry.attention.isCausal {
    conflicts.append(
      "mixer is \"\(name)\", but a recurrent student needs a causal teacher: its state holds what stands before a token, and queries of this teacher see those after it as well; use \"\(LinearAttention.name)\""
    )
  }
  if isRotary, !geometry.hasRotaryPositions {
    conflicts.append(
      "rotary is true, but the teacher has no rotary positions that queries and keys could be given; set it to false"
    )
  }
  return conflicts
}

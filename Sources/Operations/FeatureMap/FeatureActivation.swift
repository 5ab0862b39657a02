import CVectorKernels
import TensorCore

/// The nonlinearity of a feature map: positive features of a projected head, `u -> φ`.
///
/// Three codings of Hedgehog's map are in use and not interchangeable (arXiv 2402.04347, the
/// LoLCATs code, flash-linear-attention), hence one case each.
public enum FeatureActivation: String, Sendable, CaseIterable {
  /// Hedgehog's pseudo-code: `[exp(u) ⊕ exp(−u)]`.
  case exponential
  /// LoLCATs: `[softmax(u) ⊕ softmax(−u)]`, at least 1e-12.
  case softmax
  /// LoLCATs' half space: `softmax(u)`, at least 1e-12.
  case softmaxHalf
  /// LoLCATs: `[exp(u − max u) ⊕ exp(min u − u)]`, at least 1e-12.
  case shiftedExponential
  /// LoLCATs' half space: `exp(u − max u)`, at least 1e-12.
  case shiftedExponentialHalf
  /// flash-linear-attention: one softmax over `[2u ⊕ −2u]`.
  case jointSoftmax
  /// `1 + elu(u)`, at least 1e-12 (arXiv 2006.16236).
  case onePlusELU
  /// `relu(u)`, at least 1e-12; with a bias it is T2R's map (arXiv 2103.13076).
  case relu

  /// Features made of each projected coordinate.
  public var expansion: Int {
    switch self {
    case .exponential, .softmax, .shiftedExponential, .jointSoftmax: 2
    case .softmaxHalf, .shiftedExponentialHalf, .onePlusELU, .relu: 1
    }
  }

  /// Whether the gradient is a function of `u` too, and not of the features alone.
  public var gradientReadsInput: Bool {
    switch self {
    case .exponential, .softmax, .softmaxHalf, .jointSoftmax: false
    case .shiftedExponential, .shiftedExponentialHalf, .onePlusELU, .relu: true
    }
  }

  /// The smallest feature of the codings that clamp; the gradient is 0 where it holds.
  static let minimum: Float = 1e-12
}

/// `[rows, f] -> [rows, f * expansion]`, row by row; a row is one head of one token.
public func featureActivation(_ u: Tensor, _ activation: FeatureActivation, f: Int) -> Tensor {
  let rows = u.count / f
  let width = f * activation.expansion
  var features = Tensor(uninitialized: [u.shape[0], u.count / u.shape[0] * activation.expansion])
  withPointers(writing(&features), u) { features, u in
    WorkerPool.shared.parallelRanges(rows, minimum: 64) { range in
      for row in range { activation.forward(u + row &* f, features + row &* width, f) }
    }
  }
  return features
}

/// Gradient of `featureActivation` for `u`.
///
/// - Parameter u: may be nil unless `gradientReadsInput`.
public func featureActivationGradient(
  _ gradient: Tensor, u: Tensor?, features: Tensor, _ activation: FeatureActivation, f: Int
) -> Tensor {
  precondition(u != nil || !activation.gradientReadsInput, "\(activation) needs its input")
  let width = f * activation.expansion
  let rows = features.count / width
  let tokens = features.shape[0]
  var result = Tensor(uninitialized: [tokens, rows / max(1, tokens) * f])
  // A map that does not read its input is given its features in the input's place.
  let input = u ?? features
  let inputStride = u == nil ? width : f
  withPointers(writing(&result), gradient, input, features) { result, gradient, input, features in
    WorkerPool.shared.parallelRanges(rows, minimum: 64) { range in
      for row in range {
        activation.backward(
          u: input + row * inputStride, features: features + row * width,
          gradient + row * width, into: result + row * f, f)
      }
    }
  }
  return result
}

extension FeatureActivation {
  fileprivate func forward(
    _ u: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ f: Int
  ) {
    switch self {
    case .exponential:
      _ = vk_exp_sum(u, y, f, 1, 0)
      _ = vk_exp_sum(u, y + f, f, -1, 0)
    case .softmax:
      softmax(u, y, f, sign: 1)
      softmax(u, y + f, f, sign: -1)
    case .softmaxHalf:
      softmax(u, y, f, sign: 1)
    case .shiftedExponential:
      _ = vk_exp_sum(u, y, f, 1, vk_max(u, f))
      _ = vk_exp_sum(u, y + f, f, -1, -minimum(u, f))
      clamp(y, 2 * f)
    case .shiftedExponentialHalf:
      _ = vk_exp_sum(u, y, f, 1, vk_max(u, f))
      clamp(y, f)
    case .jointSoftmax:
      let shift = 2 * max(vk_max(u, f), -minimum(u, f))
      let total = vk_exp_sum(u, y, f, 2, shift) + vk_exp_sum(u, y + f, f, -2, shift)
      vk_scale(y, y, 1 / total, 2 * f)
    case .onePlusELU:
      vk_exp(u, y, f)
      for index in 0..<f where u[index] > 0 { y[index] = 1 + u[index] }
      clamp(y, f)
    case .relu:
      for index in 0..<f { y[index] = max(u[index], Self.minimum) }
    }
  }

  private func softmax(
    _ u: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ f: Int, sign: Float
  ) {
    let shift = sign > 0 ? vk_max(u, f) : -minimum(u, f)
    vk_scale(y, y, 1 / vk_exp_sum(u, y, f, sign, shift), f)
    clamp(y, f)
  }

  private func clamp(_ y: UnsafeMutablePointer<Float>, _ count: Int) {
    for index in 0..<count { y[index] = max(y[index], Self.minimum) }
  }

  private func minimum(_ u: UnsafePointer<Float>, _ f: Int) -> Float {
    var least = u[0]
    for index in 1..<f { least = min(least, u[index]) }
    return least
  }

  fileprivate func backward(
    u: UnsafePointer<Float>, features y: UnsafePointer<Float>, _ dy: UnsafePointer<Float>,
    into du: UnsafeMutablePointer<Float>, _ f: Int
  ) {
    switch self {
    case .exponential:
      for index in 0..<f { du[index] = dy[index] * y[index] - dy[f + index] * y[f + index] }
    case .softmax:
      clear(du, 0..<f)
      softmaxBackward(y, dy, du, f, sign: 1)
      softmaxBackward(y + f, dy + f, du, f, sign: -1)
    case .softmaxHalf:
      clear(du, 0..<f)
      softmaxBackward(y, dy, du, f, sign: 1)
    case .shiftedExponential:
      clear(du, 0..<f)
      shiftedBackward(u, y, dy, du, f, sign: 1)
      shiftedBackward(u, y + f, dy + f, du, f, sign: -1)
    case .shiftedExponentialHalf:
      clear(du, 0..<f)
      shiftedBackward(u, y, dy, du, f, sign: 1)
    case .jointSoftmax:
      let projection = vk_dot(y, dy, 2 * f)
      for index in 0..<f {
        du[index] =
          2 * (y[index] * (dy[index] - projection) - y[f + index] * (dy[f + index] - projection))
      }
    case .onePlusELU:
      for index in 0..<f {
        let slope: Float = u[index] > 0 ? 1 : (y[index] > Self.minimum ? y[index] : 0)
        du[index] = dy[index] * slope
      }
    case .relu:
      for index in 0..<f { du[index] = u[index] > Self.minimum ? dy[index] : 0 }
    }
  }

  /// `du += sign y ⊙ (g − g·y)`, where `g` is the gradient of unclamped features.
  private func softmaxBackward(
    _ y: UnsafePointer<Float>, _ dy: UnsafePointer<Float>, _ du: UnsafeMutablePointer<Float>,
    _ f: Int, sign: Float
  ) {
    let projection = vk_dot(y, dy, f)
    for index in 0..<f {
      let g: Float = y[index] > Self.minimum ? dy[index] : 0
      du[index] += sign * y[index] * (g - projection)
    }
  }

  /// `du += sign y ⊙ g`, and the sum of it taken from the coordinate that the shift came from.
  private func shiftedBackward(
    _ u: UnsafePointer<Float>, _ y: UnsafePointer<Float>, _ dy: UnsafePointer<Float>,
    _ du: UnsafeMutablePointer<Float>, _ f: Int, sign: Float
  ) {
    var extreme = 0
    var total: Float = 0
    for index in 0..<f {
      if sign * u[index] > sign * u[extreme] { extreme = index }
      guard y[index] > Self.minimum else { continue }
      du[index] += sign * y[index] * dy[index]
      total += sign * y[index] * dy[index]
    }
    du[extreme] -= total
  }
}

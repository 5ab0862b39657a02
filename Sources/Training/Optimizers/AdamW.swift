import Differentiation
import Operations
import TensorCore

/// AdamW over a set of parameters, with its moments and step count.
public final class AdamW {
  /// Rates, decays and clipping as the recipe states them.
  public let specification: OptimizerSpecification
  /// What is optimised, in the order in which states are saved.
  public let parameters: [Parameter]
  /// Steps taken.
  public private(set) var step = 0
  private var moments: [(first: Tensor, second: Tensor)]
  private let weightDecays: [Double]

  /// - Parameter decays: whether the specification's weight decay acts on a parameter.
  public init(
    _ parameters: [Parameter], _ specification: OptimizerSpecification,
    decays: (Parameter) -> Bool = { _ in true }
  ) {
    self.parameters = parameters
    self.specification = specification
    weightDecays = parameters.map { decays($0) ? specification.weightDecay : 0 }
    moments = parameters.map { (Tensor(zeros: $0.value.shape), Tensor(zeros: $0.value.shape)) }
  }

  /// Global norm of the gradients as they stand.
  public var gradientNorm: Double {
    parameters.reduce(0) { $0 + ($1.gradient.map(sumOfSquares) ?? 0) }.squareRoot()
  }

  /// Clips, steps and clears the gradients. A parameter without a gradient stays as it is.
  ///
  /// - Parameter norm: `gradientNorm`, which the caller has looked at before.
  public func step(learningRate: Double, norm: Double) {
    step(
      learningRates: [Double](repeating: learningRate, count: parameters.count), norm: norm)
  }

  /// The same with a rate for every parameter, in the order of `parameters`; they are clipped by
  /// their common norm.
  public func step(learningRates: [Double], norm: Double) {
    precondition(learningRates.count == parameters.count)
    var factor: Float = 1
    if let limit = specification.clipGradientNorm, norm > limit {
      factor = Float(limit / (norm + 1e-6))
    }
    step += 1
    for (index, parameter) in parameters.enumerated() {
      guard let gradient = parameter.gradient else { continue }
      var (first, second) = moments[index]
      // The array lets go of the moments, so that they are stepped in place.
      moments[index] = (Tensor(zeros: [0]), Tensor(zeros: [0]))
      adamWStep(
        value: &parameter.value, gradient: factor == 1 ? gradient : scaled(gradient, by: factor),
        firstMoment: &first, secondMoment: &second,
        learningRate: Float(learningRates[index]),
        betas: (specification.betas.first, specification.betas.second),
        epsilon: Float(specification.epsilon), weightDecay: Float(weightDecays[index]),
        step: step)
      moments[index] = (first, second)
      parameter.gradient = nil
    }
  }

  /// Moments in the order of `parameters`, for a checkpoint.
  public var state: [(first: Tensor, second: Tensor)] { moments }

  /// - Precondition: one pair a parameter, of its shape; checkpoints are checked when read.
  public func restore(step: Int, moments: [(first: Tensor, second: Tensor)]) {
    precondition(moments.count == parameters.count)
    for (parameter, moment) in zip(parameters, moments) {
      precondition(moment.first.shape == parameter.value.shape, "moments of \(parameter.name)")
    }
    self.step = step
    self.moments = moments
  }
}

extension Parameter {
  /// Whether it has more than one dimension, those of length 1 left out: what weight decay is meant
  /// for, and not biases, gains and factors.
  public var isMatrix: Bool { value.shape.dimensions.count { $0 > 1 } > 1 }
}

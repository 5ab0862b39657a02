import Differentiation
import Operations
import TensorCore
import TestSupport
import Testing
import Training

@Suite struct AdamWTests {
  @Test func `Weight decay acts on the parameters that it is given for, and on no other`() {
    let specification = OptimizerSpecification(
      learningRate: 0.1, betas: (0.9, 0.95), epsilon: 1e-8, weightDecay: 0.3)
    let shapes: [Shape] = [[3, 4], [4], [1, 4, 1, 1], [2, 3, 2]]
    var draw = TestValues(1)
    let values = shapes.map { draw.normal($0.count) }
    let gradients = (0..<3).map { _ in shapes.map { draw.normal($0.count) } }
    let parameters = zip(shapes, values).map { shape, values in
      Parameter(name: "\(shape)", value: Tensor(values.map(Float.init), shape))
    }
    #expect(parameters.map(\.isMatrix) == [true, false, false, true])
    let optimizer = AdamW(parameters, specification) { $0.isMatrix }
    var expected = values
    var moments = values.map { $0.map { _ in (0.0, 0.0) } }
    for (step, gradients) in gradients.enumerated() {
      for (parameter, gradient) in zip(parameters, gradients) {
        parameter.gradient = Tensor(gradient.map(Float.init), parameter.value.shape)
      }
      optimizer.step(learningRate: 0.05, norm: optimizer.gradientNorm)
      for index in expected.indices {
        for place in expected[index].indices {
          let (value, moment) = Naive.adamWStep(
            value: expected[index][place], gradient: gradients[index][place],
            moments: moments[index][place], learningRate: 0.05, betas: (0.9, 0.95),
            epsilon: 1e-8, weightDecay: parameters[index].isMatrix ? 0.3 : 0, step: step + 1)
          expected[index][place] = value
          moments[index][place] = moment
        }
      }
    }
    for (parameter, expected) in zip(parameters, expected) {
      #expect(relativeRMS(parameter.value.elements, expected) < 1e-6, "\(parameter.name)")
      #expect(parameter.gradient == nil)
    }
  }

  @Test func `Every parameter steps at its own rate, all clipped by their common norm`() {
    let specification = OptimizerSpecification(
      learningRate: 0.1, betas: (0.9, 0.95), clipGradientNorm: 0.5)
    var draw = TestValues(2)
    let values = [draw.normal(6), draw.normal(5)]
    let gradients = [draw.normal(6), draw.normal(5)]
    let parameters = values.map {
      Parameter(name: "\($0.count)", value: Tensor($0.map(Float.init), [$0.count]))
    }
    for (parameter, gradient) in zip(parameters, gradients) {
      parameter.gradient = Tensor(gradient.map(Float.init), [gradient.count])
    }
    let optimizer = AdamW(parameters, specification)
    let norm = gradients.joined().reduce(0) { $0 + $1 * $1 }.squareRoot()
    optimizer.step(learningRates: [0.05, 0.002], norm: optimizer.gradientNorm)
    for (index, rate) in [0.05, 0.002].enumerated() {
      let expected = zip(values[index], gradients[index]).map { value, gradient in
        Naive.adamWStep(
          value: value, gradient: gradient * 0.5 / (norm + 1e-6), moments: (0, 0),
          learningRate: rate, betas: (0.9, 0.95), epsilon: 1e-8, weightDecay: 0, step: 1
        ).value
      }
      #expect(relativeRMS(parameters[index].value.elements, expected) < 1e-6)
    }
  }
}

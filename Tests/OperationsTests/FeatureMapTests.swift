import RealModule
import TensorCore
import TestSupport
import Testing

@testable import Operations

struct ProjectionCase: Sendable, CustomTestStringConvertible {
  enum Bias: CaseIterable { case none, perHead, perFeature }

  let inputHeads: Int
  let projectionDim: Int
  let bias: Bias
  let skipConnection: Bool
  var testDescription: String {
    "\(inputHeads) of 4 heads, \(projectionDim) features, bias \(bias), skip \(skipConnection)"
  }

  var shape: FeatureProjectionShape {
    FeatureProjectionShape(
      queryHeads: 4, inputHeads: inputHeads, headDim: 6, projectionDim: projectionDim,
      skipConnection: skipConnection)
  }

  static let all = [1, 2, 4].flatMap { heads in
    Bias.allCases.flatMap { bias in
      [
        ProjectionCase(inputHeads: heads, projectionDim: 6, bias: bias, skipConnection: true),
        ProjectionCase(inputHeads: heads, projectionDim: 5, bias: bias, skipConnection: false),
      ]
    }
  }
}

@Suite struct FeatureProjectionTests {
  @Test(arguments: ProjectionCase.all)
  func `projections and their gradients equal the definition`(testCase: ProjectionCase) throws {
    let shape = testCase.shape
    let (tokens, f) = (37, testCase.projectionDim)
    var draw = TestValues(1)
    let x = draw.normal(tokens * testCase.inputHeads * 6)
    let weight = draw.normal(4 * 6 * f)
    let biasShape: Shape = testCase.bias == .perHead ? [4, 1] : [4, f]
    let bias = testCase.bias == .none ? nil : draw.normal(biasShape.count)
    let outputGradient = draw.normal(tokens * 4 * f)

    let input = tensor(x, [tokens, testCase.inputHeads * 6])
    let weights = tensor(weight, [4, 6, f])
    let biases = bias.map { tensor($0, biasShape) }
    let output = featureProjection(input, weight: weights, bias: biases, shape: shape)
    #expect(output.shape == [tokens, 4 * f])
    let expected = Naive.featureProjection(x, weight: weight, bias: bias, shape: shape)
    #expect(relativeRMS(output.elements, expected) < 1e-6)

    let gradient = tensor(outputGradient, [tokens, 4 * f])
    let found = featureProjectionGradients(
      gradient, x: input, weight: weights, bias: biases, shape: shape, inputGradient: true,
      weightGradient: true)
    try expectGradient(found.input, at: x, within: 2e-6) {
      dot(Naive.featureProjection($0, weight: weight, bias: bias, shape: shape), outputGradient)
    }
    try expectGradient(found.weight, at: weight, within: 2e-6) {
      dot(Naive.featureProjection(x, weight: $0, bias: bias, shape: shape), outputGradient)
    }
    if let bias {
      #expect(found.bias?.shape == biasShape)
      try expectGradient(found.bias, at: bias, within: 2e-6) {
        dot(Naive.featureProjection(x, weight: weight, bias: $0, shape: shape), outputGradient)
      }
    } else {
      #expect(found.bias == nil)
    }
  }

  @Test func `only the gradients that are asked for are computed, and they are the same`() {
    let shape = ProjectionCase.all[0].shape
    var draw = TestValues(2)
    let input = tensor(draw.normal(9 * 6), [9, 6])
    let weights = tensor(draw.normal(4 * 36), [4, 6, 6])
    let gradient = tensor(draw.normal(9 * 24), [9, 24])
    let gradients = { (needsInput: Bool, needsWeight: Bool) in
      featureProjectionGradients(
        gradient, x: input, weight: weights, bias: nil, shape: shape, inputGradient: needsInput,
        weightGradient: needsWeight)
    }
    let all = gradients(true, true)
    let inputOnly = gradients(true, false)
    let weightOnly = gradients(false, true)
    #expect(inputOnly.weight == nil)
    #expect(inputOnly.input?.elements == all.input?.elements)
    #expect(weightOnly.input == nil)
    #expect(weightOnly.weight?.elements == all.weight?.elements)
  }
}

@Suite struct FeatureActivationTests {
  private func naive(_ u: [Double], _ activation: FeatureActivation, f: Int) -> [Double] {
    stride(from: 0, to: u.count, by: f).flatMap {
      Naive.featureActivation(Array(u[$0..<$0 + f]), activation)
    }
  }

  private func check(
    _ u: [Double], _ activation: FeatureActivation, f: Int, tolerance: Double = 1e-6,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    // 3 heads a token, so that rows of features are not rows of the tensor.
    let tokens = u.count / (3 * f)
    let width = 3 * f * activation.expansion
    let input = tensor(u, [tokens, 3 * f])
    let features = featureActivation(input, activation, f: f)
    #expect(features.shape == [tokens, width], sourceLocation: sourceLocation)
    let expected = naive(u, activation, f: f)
    #expect(
      relativeRMS(features.elements, expected) < tolerance, sourceLocation: sourceLocation)

    var draw = TestValues(3)
    let outputGradient = draw.normal(expected.count)
    let gradient = featureActivationGradient(
      tensor(outputGradient, [tokens, width]), u: input, features: features, activation, f: f)
    try expectGradient(
      gradient, at: u, within: 2 * tolerance, coordinates: 60, sourceLocation: sourceLocation
    ) { dot(naive($0, activation, f: f), outputGradient) }
  }

  @Test(
    arguments: FeatureActivation.allCases,
    [1, 6, 21])
  func `every coding and its gradient equal the definition`(activation: FeatureActivation, f: Int)
    throws
  {
    var draw = TestValues(4)
    try check(draw.normal(30 * 3 * f, scale: 1.5), activation, f: f)
  }

  @Test(arguments: FeatureActivation.allCases)
  func `features too small for the division are clamped, and pass no gradient there`(
    activation: FeatureActivation
  ) throws {
    var draw = TestValues(5)
    // Beside the others, ±45 falls below 1e-12 in every coding that clamps.
    var u = draw.normal(6 * 3 * 7)
    for row in 0..<18 {
      u[row * 7 + 2] -= 45
      u[row * 7 + 5] += row % 2 == 0 ? 45 : 0
      u[row * 7 + 5] = Double(Float(u[row * 7 + 5]))
      u[row * 7 + 2] = Double(Float(u[row * 7 + 2]))
    }
    try check(u, activation, f: 7, tolerance: 3e-6)
    let features = featureActivation(tensor(u, [6, 21]), activation, f: 7).elements
    switch activation {
    case .exponential, .jointSoftmax:
      #expect(features.min()! < 1e-12)
    default:
      #expect(features.min() == 1e-12)
      #expect(features.count { $0 == 1e-12 } >= 18)
    }
  }

  @Test(arguments: [
    FeatureActivation.softmax, .softmaxHalf, .shiftedExponential, .shiftedExponentialHalf,
    .jointSoftmax,
  ])
  func `codings that normalise survive inputs that overflow an exponential`(
    activation: FeatureActivation
  ) {
    let u: [Double] = [300, -300, 299, 0, -299.5, 298]
    let features = featureActivation(tensor(u, [1, 6]), activation, f: 6)
    #expect(relativeRMS(features.elements, Naive.featureActivation(u, activation)) < 1e-6)
  }

  @Test func `a coding says how many features it makes of a coordinate`() {
    for activation in FeatureActivation.allCases {
      #expect(
        Naive.featureActivation([0.5, -1, 2], activation).count == 3 * activation.expansion)
    }
  }
}

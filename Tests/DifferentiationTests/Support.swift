import Operations
import TensorCore
import TestSupport
import Testing

@testable import Differentiation

func parameter(_ name: String, _ values: [Double], _ shape: Shape) -> Parameter {
  Parameter(name: name, value: tensor(values, shape))
}

/// Columns `head * width ..< (head + 1) * width` of every row of `heads * width`.
func slice(_ x: [Double], width: Int, heads: Int, head: Int) -> [Double] {
  stride(from: head * width, to: x.count, by: heads * width).flatMap { x[$0..<$0 + width] }
}

/// `x Wᵀ`, by the naive twin.
func linear(_ x: [Double], _ weight: [Double], inputs: Int) -> [Double] {
  Naive.matrixProduct(
    x, weight, m: x.count / inputs, n: weight.count / inputs, k: inputs, rightTransposed: true)
}

/// Named inputs and parameters of a graph, as their naive twin takes them.
typealias Values = [String: [Double]]

/// Holds every named gradient against central differences of the twin, at coordinates spread over
/// the tensor.
func expectGradients(
  _ found: [String: Tensor?], at values: Values, within tolerance: Double,
  sourceLocation: SourceLocation = #_sourceLocation, _ loss: (Values) -> Double
) throws {
  for (name, gradient) in found.sorted(by: { $0.key < $1.key }) {
    let comment = Comment(rawValue: name)
    let gradient = try #require(gradient, comment, sourceLocation: sourceLocation)
    let point = try #require(values[name], comment, sourceLocation: sourceLocation)
    #expect(gradient.count == point.count, comment, sourceLocation: sourceLocation)
    let picked = Array(stride(from: 0, to: point.count, by: point.count / 23 + 1))
    let expected = numericalGradient(at: picked.map { point[$0] }) { coordinates in
      var moved = values
      for (index, value) in zip(picked, coordinates) { moved[name]![index] = value }
      return loss(moved)
    }
    let elements = gradient.elements
    let error = relativeRMS(picked.map { elements[$0] }, expected, floor: 1e-6)
    #expect(error < tolerance, comment, sourceLocation: sourceLocation)
  }
}

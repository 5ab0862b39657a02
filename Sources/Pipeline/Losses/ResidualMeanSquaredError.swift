import Documents
import Operations

/// The mean square of all elements of what attention adds to the residual stream, student's minus
/// teacher's.
struct ResidualMeanSquaredError: LayerLoss {
  static let kind = "residual-mse"
  static let summary = "Mean squared error of what attention adds to the stream."

  let weight: Double
  let metric = "residualMeanSquaredError"

  init(_ reader: DocumentReader) { weight = reader.lossWeight() }

  func measure(_ layer: LayerComparison, gradientWeight: Float) -> Double {
    let (value, gradient) = meanSquaredError(
      layer.added.value, layer.teacher.added.value, layout: layer.teacher.pass.layout,
      weight: gradientWeight)
    if gradientWeight != 0 { layer.seed(layer.added, gradient) }
    return value
  }
}
